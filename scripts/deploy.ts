import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { ROOT, venv } from '../local/toolchain';
import { bin, command, run } from './process';

/**
 * `npm run deploy -- -c env=dev`: fetches the wheels that CodeBuild installs dbt from (its subnets have no internet),
 * then `cdk deploy` of that environment. All arguments go to the CDK.
 */
async function fetchWheels(folder: string): Promise<void> {
  const lock = readFileSync(join(ROOT, 'dbt', 'requirements.txt'));
  const marker = join(folder, 'made-from');
  const now = createHash('sha256').update(lock).digest('hex');
  if (existsSync(marker) && readFileSync(marker, 'utf8') === now) return;
  console.log('Wheels of dbt (once, about 66 MB)');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const { code } = await run(venv('python'), [
    ...['-m', 'pip', 'download', '--quiet', '--require-hashes', '-r', 'dbt/requirements.txt', '-d', folder],
    ...['--only-binary=:all:', '--python-version', '3.11', '--platform', 'manylinux2014_x86_64'],
    ...['--platform', 'manylinux_2_17_x86_64', '--platform', 'manylinux_2_28_x86_64'],
  ]);
  if (code !== 0) {
    console.error('The wheels of dbt could not be fetched: see above. Nothing was deployed.');
    process.exit(1);
  }
  writeFileSync(marker, now);
}

command(async () => {
  await fetchWheels(join(ROOT, '.cache', 'dbt-wheels'));
  const args = ['deploy', '**', ...process.argv.slice(2)];
  process.exit((await run(process.execPath, [bin('aws-cdk/bin/cdk'), ...args])).code);
});
