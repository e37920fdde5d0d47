import { spawn } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ACCOUNT, awsEnvironment, REGION, tell } from './parts';
import { ROOT, SetupError } from './toolchain';

/** The outputs of all stacks, by key. */
export type Outputs = Readonly<Record<string, string>>;

/** Why a deployment failed, by what the CDK's command line said: the resources that failed, else the lines with an error. */
export function reasons(lines: readonly string[]): string[] {
  // <stack> | <progress> | <time> | UPDATE_FAILED | <type> | <path> (<logical id>) <reason>
  const resources = lines.flatMap((line) => /\w+_FAILED\s*\|[^|]*\|\s*(.*\S)/.exec(line)?.[1] ?? []);
  const errors = lines.filter((line) => /❌|\berror\b|\bfailed\b/i.test(line));
  const told = [resources, errors, lines.slice(-3)].find((found) => found.length > 0) ?? [];
  return [...new Set(told)].slice(0, 3);
}

/** Runs the CDK's command line against the emulator. Its output goes to the log. */
function cdk(
  endpoint: string,
  state: string,
  log: string,
  args: readonly string[],
  { cwd = ROOT, env = {} }: { cwd?: string; env?: Record<string, string> } = {},
): Promise<void> {
  const home = join(state, 'cdk');
  mkdirSync(home, { recursive: true });
  return new Promise((done, failed) => {
    const child = spawn(process.execPath, [join(ROOT, 'node_modules', 'aws-cdk', 'bin', 'cdk'), ...args], {
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        ...awsEnvironment(endpoint),
        // The CLI remembers which key belongs to which account: not in the user's own home.
        CDK_HOME: home,
        CDK_DISABLE_VERSION_CHECK: '1',
        CDK_VALIDATION: 'false',
        CI: '1',
        ...env,
      },
    });
    const lines: string[] = [];
    const keep = (data: Buffer): void => {
      appendFileSync(log, data);
      lines.push(
        ...data
          .toString()
          .split('\n')
          .filter((line) => line.trim()),
      );
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('exit', (code) => {
      if (code === 0) {
        done();
        return;
      }
      failed(new SetupError(`cdk ${args[0]} failed: ${reasons(lines).join(' | ')} (see ${log})`));
    });
  });
}

/**
 * Deploys the platform to the emulator, as `cdk deploy` deploys it to AWS.
 * @param local what `config/local.ts` is told: the first of the parts' ports, and the sources that are not captured
 * @returns the outputs of its stacks
 */
export async function deploy(
  endpoint: string,
  state: string,
  local: { readonly port: number; readonly withoutCapture: readonly string[] },
  log: string,
): Promise<Outputs> {
  // Before synth: bootstrapping rewrites the assembly without its bundles.
  const marker = join(state, 'bootstrapped');
  if (!existsSync(marker)) {
    await cdk(endpoint, state, log, ['bootstrap', `aws://${ACCOUNT}/${REGION}`], { cwd: state });
    await tell(endpoint, 'save'); // a kill between the marker and the stack would leave one without the other
    writeFileSync(marker, '');
  }
  const outputs = join(state, 'outputs.json');
  const where = ['-c', 'env=local', '--output', join(state, 'cdk.out'), '--outputs-file', outputs];
  const args = ['deploy', '**', '--require-approval', 'never', '--method', 'direct', ...where];
  await cdk(endpoint, state, log, args, {
    env: { MORAINE_PORT: String(local.port), MORAINE_WITHOUT_CAPTURE: local.withoutCapture.join(',') },
  });
  await tell(endpoint, 'save');
  const stacks = JSON.parse(readFileSync(outputs, 'utf8')) as Record<string, Record<string, string>>;
  return Object.assign({}, ...Object.values(stacks)) as Outputs;
}
