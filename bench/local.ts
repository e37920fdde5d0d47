import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '../local/toolchain';
import { treeOf } from './shared/memory';

/**
 * `npm run local -- --exit` from a fresh clone and again, and the memory of all its processes.
 * `--orders=N` sets the size (default 100,000), `--warm` leaves the clone out and measures this tree.
 * Limits: 6 minutes to the first answer, 90 s again, 16 GiB with a million orders.
 */
const FIRST = 360;
const AGAIN = 90;
const GIB = 16;

const option = (name: string): string | undefined =>
  process.argv.find((arg) => arg === `--${name}` || arg.startsWith(`--${name}=`));
const orders = Number(option('orders')?.split('=')[1] ?? 100_000);

const memoryOf = (pid: number): number => treeOf(pid).reduce((sum, { bytes }) => sum + bytes, 0);

async function timed(tree: string, state: string, port: string): Promise<{ seconds: number; memory: number }> {
  const begun = performance.now();
  const args = ['run', 'local', '--', '--exit', '--orders', `${orders}`, '--state', state, '--port', port];
  const child = spawn('npm', args, { cwd: tree, stdio: 'inherit' });
  let memory = 0;
  const timer = setInterval(() => (memory = Math.max(memory, memoryOf(child.pid ?? 0))), 500);
  const code = await new Promise<number | null>((done) => child.on('exit', done));
  clearInterval(timer);
  if (code !== 0) throw new Error(`npm run local ended with code ${code}`);
  return { seconds: (performance.now() - begun) / 1000, memory: memory / 2 ** 30 };
}

void (async () => {
  const scratch = mkdtempSync(join(tmpdir(), 'moraine-bench-'));
  chmodSync(scratch, 0o755); // PostgreSQL does not run as root
  try {
    let tree = ROOT;
    const begun = performance.now();
    if (!option('warm')) {
      tree = join(scratch, 'moraine');
      spawnSync('git', ['clone', '--quiet', ROOT, tree], { stdio: 'inherit' });
      spawnSync('npm', ['ci', '--silent'], { cwd: tree, stdio: 'inherit' });
    }
    const first = await timed(tree, join(scratch, 'state'), '4700');
    const total = (performance.now() - begun) / 1000;
    const again = await timed(tree, join(scratch, 'state'), '4700');
    const memory = Math.max(first.memory, again.memory);
    console.log(
      `${orders} orders: first run ${first.seconds.toFixed(1)} s${tree === ROOT ? '' : `, with clone and npm ci ${total.toFixed(1)} s`}`,
    );
    console.log(`${orders} orders: again ${again.seconds.toFixed(1)} s; memory at most ${memory.toFixed(1)} GiB`);
    console.log(`local-first ratio ${(total / FIRST).toFixed(2)} (of ${FIRST} s)`);
    console.log(`local-again ratio ${(again.seconds / AGAIN).toFixed(2)} (of ${AGAIN} s)`);
    console.log(`local-memory ratio ${(memory / GIB).toFixed(2)} (of ${GIB} GiB)`);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
})();
