import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '../local/toolchain';

/** Synthesis of one environment from a clean tree, without the CDK's validation and without credentials. Limit: 5 s. */
const LIMIT = 5;
const RUNS = 5;

const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('AWS_')));
const seconds: number[] = [];
for (let i = 0; i < RUNS; i += 1) {
  const output = mkdtempSync(join(tmpdir(), 'moraine-synth-'));
  rmSync(join(ROOT, '.cache', 'bundles'), { recursive: true, force: true });
  const begun = performance.now();
  const cdk = join(ROOT, 'node_modules', 'aws-cdk', 'bin', 'cdk');
  const done = spawnSync(process.execPath, [cdk, 'synth', '--quiet', '-c', 'env=dev', '-o', output], {
    cwd: ROOT,
    env: { ...environment, CDK_VALIDATION: 'false', CDK_DISABLE_VERSION_CHECK: '1' },
    encoding: 'utf8',
  });
  seconds.push((performance.now() - begun) / 1000);
  rmSync(output, { recursive: true, force: true });
  if (done.status !== 0) {
    console.error(done.stderr);
    process.exit(1);
  }
}
seconds.sort((a, b) => a - b);
const median = seconds[Math.floor(RUNS / 2)];
console.log(
  `synth of one environment: median ${median.toFixed(2)} s of ${RUNS} (${seconds.map((s) => s.toFixed(2)).join(', ')})`,
);
console.log(`synth ratio ${(median / LIMIT).toFixed(2)} (of ${LIMIT} s)`);
