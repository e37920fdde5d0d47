import { replaySlices } from '../../../scripts/ops/replay';
import { parseReplay } from '../../../scripts/ops/wanted';

const wanted = (...more: string[]) => parseReplay(['--source', 'depot', ...more]);
const slice = (records: number, more: object = {}) => ({ objects: 1, records, unreadable: 0, named: [], ...more });

/** Answers one call after the other; `asked` lists the requests. */
function run(answers: object[], ...args: string[]) {
  const [asked, said]: [object[], string[]] = [[], []];
  const call = (request: object) => {
    asked.push(request);
    return Promise.resolve(answers[asked.length - 1]);
  };
  const ended = replaySlices(wanted(...args), call, (line) => void said.push(line));
  return { asked, said, ended };
}

it('asks until all is done, from where the last slice ended', async () => {
  const next = { after: 'changes/depot/a', until: '2026-11-20T06:00:00.000Z' };
  const { asked, said, ended } = run([slice(1200, { next }), slice(34)], '--since', '2026-11-19');
  await expect(ended).resolves.toBe(0);
  const request = { source: 'depot', since: '2026-11-19T00:00:00.000Z', dryRun: false };
  expect(asked).toEqual([request, { ...request, ...next }]);
  expect(said).toEqual([
    '1,200 records of 1 error objects replayed, up to changes/depot/a',
    '1,234 records of 2 error objects replayed; silver has them after the next merge',
  ]);
});

it('names the datasets that are wanted', () => {
  expect(wanted('--dataset', 'parcels,letters').request).toEqual({
    ...{ source: 'depot', datasets: ['parcels', 'letters'], dryRun: false },
  });
});

it('waits while a Glue job is at work', async () => {
  jest.useFakeTimers({ doNotFake: ['nextTick'] });
  const { asked, said, ended } = run([{ ...slice(0), objects: 0, next: { run: 'jr_1' } }, slice(1)]);
  await jest.advanceTimersByTimeAsync(2000);
  expect(asked).toHaveLength(1);
  await jest.advanceTimersByTimeAsync(2000);
  jest.useRealTimers();
  await expect(ended).resolves.toBe(0);
  expect(asked[1]).toMatchObject({ run: 'jr_1' });
  expect(said).toEqual([
    'gathering what lies in quarantine (Glue run jr_1)',
    '1 records of 1 error objects replayed; silver has them after the next merge',
  ]);
});

it('says that there is nothing, what could not be read, and why it was refused', async () => {
  const none = run([{ ...slice(0), objects: 0 }], '--since', '2026-11-19');
  await expect(none.ended).resolves.toBe(0);
  expect(none.said).toEqual([
    'Nothing to replay of depot: neither quarantine nor an error object from 2026-11-19T00:00:00.000Z has a record',
  ]);
  const bad = run([slice(1, { unreadable: 3, named: [{ key: 'k', line: 7, reason: 'is not JSON' }] })]);
  await expect(bad.ended).resolves.toBe(1);
  expect(bad.said.slice(0, 2)).toEqual(['k, line 7: is not JSON; it stays there', '… and 2 lines more']);
  await expect(run([{ refused: 'source is "x"' }]).ended).rejects.toThrow('Nothing was replayed: source is "x"');
});

it.each<[string[], string | RegExp]>([
  [[], /^--source is missing: use npm run ops/],
  [['--source', 'a', '--env', 'moon'], /^--env is "moon": there are local, dev/],
  [['--source', 'a', '--since', 'now'], '--since is "now": 2026-01-31 or 2026-01-31T12:00:00Z is allowed'],
  [
    ['--source', 'a', '--until', '2026-13-01'],
    '--until is "2026-13-01": 2026-01-31 or 2026-01-31T12:00:00Z is allowed',
  ],
  [['--source', 'a', '--port', '1'], '--port is "1": a whole number from 1024 to 65000 is allowed'],
  [['--sauce', 'a'], /^Unknown option '--sauce': use npm run ops/],
])('refuses %j in one line', (args, message) => {
  expect(() => parseReplay(args)).toThrow(message);
});
