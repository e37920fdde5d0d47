import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ROOT } from '../local/toolchain';
import { growth, memoryOf } from './shared/memory';

/**
 * How far silver and gold are behind a source that changes all the time: `npm run local -- --live`, whose lines tell the
 * age of the newest row. A change that has just not come is as old as the newest that has, so that the 95th percentile
 * of these ages is no less than that of the changes' own.
 * `--changes=N` each second (default 200) for `--seconds=N` (default 300), after `--warm-up=N` (default 60) that do not
 * count: Spark compiles. Limits: 10 s for silver, 30 s for gold, and the memory of each part at the end is within a
 * quarter of what it was at half time.
 */
const SILVER = 10;
const GOLD = 30;
const GROWTH = 1.25;
/** What the sample company changes each second. */
const CHANGED = ['orders', 'order_items', 'customers'];
const option = (name: string, otherwise: number): number =>
  Number(process.argv.find((arg) => arg.startsWith(`--${name}=`))?.split('=')[1] ?? otherwise);
const [changes, seconds, warmUp] = [option('changes', 200), option('seconds', 300), option('warm-up', 60)];

type Ages = { silver: number[]; gold: number[] };

/** Adds the ages that a line tells; a layer that has seen nothing yet is as far behind as can be. */
function read(line: string, ages: Ages): void {
  const age = (text: string): number => (text === 'none yet' ? Infinity : parseFloat(text));
  for (const each of line.split('age of the newest row: ')[1].split('; ')) {
    const [, name, silver, gold] = /^(\w+) (.+) in silver, (.+) in gold$/.exec(each) ?? [];
    if (!CHANGED.includes(name)) continue;
    ages.silver.push(age(silver));
    ages.gold.push(age(gold));
  }
}

const percentile = (values: readonly number[], share: number): number =>
  [...values].sort((a, b) => a - b)[Math.max(0, Math.ceil(values.length * share) - 1)] ?? Infinity;

void (async () => {
  const scratch = mkdtempSync(join(tmpdir(), 'moraine-bench-'));
  chmodSync(scratch, 0o755); // PostgreSQL does not run as root
  const args = ['--exit', '--live', `${warmUp + seconds}`, '--changes', `${changes}`, '--port', '4720'];
  const child = spawn('npm', ['run', 'local', '--', ...args, '--orders', '20000', '--state', join(scratch, 'state')], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise<number | null>((done) => child.once('close', done));
  try {
    const ages: Ages = { silver: [], gold: [] };
    const memories: Record<string, number>[] = [];
    let begun: number | undefined;
    for await (const line of createInterface(child.stdout)) {
      console.log(line);
      const now = performance.now() / 1000;
      if (!line.includes('age of the newest row')) continue;
      begun ??= now;
      if (now - begun < warmUp) continue;
      read(line, ages);
      memories.push(memoryOf(child.pid ?? 0));
    }
    const code = await ended;
    if (code !== 0) throw new Error(`npm run local ended with code ${code}`);
    const [silver, gold] = [percentile(ages.silver, 0.95), percentile(ages.gold, 0.95)];
    const grown = growth(memories);
    const worst = Math.max(...grown.map(({ ratio }) => ratio));
    console.log(`${changes} changes/s for ${seconds} s: ${ages.silver.length} ages read`);
    console.log(`silver: median ${percentile(ages.silver, 0.5)} s, 95 % within ${silver} s`);
    console.log(`gold: median ${percentile(ages.gold, 0.5)} s, 95 % within ${gold} s`);
    for (const { line } of grown) console.log(line);
    console.log(`live-silver ratio ${(silver / SILVER).toFixed(2)} (of ${SILVER} s)`);
    console.log(`live-gold ratio ${(gold / GOLD).toFixed(2)} (of ${GOLD} s)`);
    console.log(`live-memory ratio ${(worst / GROWTH).toFixed(2)} (of ${GROWTH} times)`);
    process.exitCode = silver > SILVER || gold > GOLD || worst > GROWTH ? 1 : 0;
  } finally {
    child.kill('SIGINT');
    await ended;
    rmSync(scratch, { recursive: true, force: true });
  }
})();
