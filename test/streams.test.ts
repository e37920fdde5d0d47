import { rmSync } from 'node:fs';
import { isCaptured } from '../lambdas/shared/source';
import { sources } from '../sources';
import { freePort, killAll, scratchFolder, startRun, type Run } from './local-run';

/**
 * Changes of the source's databases, captured while they happen: PostgreSQL's own log, the local DMS, Firehose with the
 * deployed transform, the resident merge.
 */

let state: string;
let port: number;

const start = (...more: string[]): Run =>
  startRun(['--orders', '500', '--changes', '50', '--port', `${port}`, '--state', state, ...more]);

beforeAll(() => {
  state = scratchFolder();
  port = freePort();
});

afterAll(async () => {
  await killAll();
  rmSync(state, { recursive: true, force: true });
});

test('killed while changes run, the next run brings them all, and silver follows the source while and after', async () => {
  const first = start();
  await first.until(/age of the newest row: .* s in silver, .* s in gold/);
  await first.kill();
  const { code, lines } = await start('--exit', '--live', '20').ended;
  expect({ code, lines: code === 0 ? [] : lines }).toEqual({ code: 0, lines: [] });

  const told = lines.join('\n');
  expect(told).toContain('silver follows the source');
  for (const dataset of sources.filter(isCaptured).flatMap((source) => source.datasets)) {
    expect(told).toMatch(
      new RegExp(`${dataset}: [\\d,]+ rows in source, [\\d,]+ in silver, [\\d,]+ on their way, 0 differ`),
    );
  }
  const changed = Number(/([\d,]+) rows have changed/.exec(told)?.[1].replaceAll(',', ''));
  expect(changed).toBeGreaterThan(500);
  // At the end of the load, and once more after the changes: gold too.
  expect(told.match(/source = silver = gold, row by row/g)).toHaveLength(2);
}, 900_000);
