import { ensureKafka } from '../local/kafka';
import { venv } from '../local/toolchain';
import { bin, command, run } from './process';

/**
 * `npm test`: every test, TypeScript's and the end-to-end runs by jest, Python's and dbt's by pytest, side by side: each
 * waits much. What pytest says is shown when jest has ended. `-- --serial`: one after the other, for a machine with less
 * than 8 GB. The last line counts them all. Other arguments are passed to neither: run `npx jest …` or
 * `.venv/bin/pytest …` for a part.
 */

/** Tests of a jest run: `Tests:  1 failed, 2 skipped, 30 passed, 33 total`. */
const jestCount = (output: string, kind: string): number =>
  Number(new RegExp(`^Tests:.*?(\\d+) ${kind}`, 'm').exec(output)?.[1] ?? 0);

/** Tests of a pytest run: `=== 1 failed, 30 passed, 1 error in 2.1s ===`. */
const pytestCount = (output: string, kind: string): number =>
  Number(new RegExp(`(\\d+) ${kind}[^\\n]* in [\\d.]+s`).exec(output)?.[1] ?? 0);

command(async () => {
  // Both need it, and it is fetched once.
  ensureKafka(console.log);
  const serial = process.argv.includes('--serial');
  const python = () => run(venv('python'), ['-m', 'pytest'], {}, serial ? 'coming' : 'nothing');
  const begun = serial ? undefined : python();
  const jest = await run(process.execPath, [bin('jest/bin/jest.js'), '--ci']);
  const pytest = await (begun ?? python());
  if (!serial) console.log(pytest.output);
  const passed = jestCount(jest.output, 'passed') + pytestCount(pytest.output, 'passed');
  const failed =
    jestCount(jest.output, 'failed') + pytestCount(pytest.output, 'failed') + pytestCount(pytest.output, 'error');
  const broken = jest.code !== 0 || pytest.code !== 0;
  // A suite that could not even start has no failed test to count, and is not a pass.
  console.log(`\n${passed} passed, ${failed === 0 && broken ? 1 : failed} failed`);
  process.exit(broken ? 1 : 0);
});
