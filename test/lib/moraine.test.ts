import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const ROOT = join(__dirname, '..', '..');

/** Runs the app as the CDK's command line does. */
function app(context: Record<string, string>) {
  const { status, stderr } = spawnSync(process.execPath, ['--import', 'tsx', 'bin/moraine.ts'], {
    cwd: ROOT,
    env: { ...process.env, CDK_CONTEXT_JSON: JSON.stringify(context) },
    encoding: 'utf8',
  });
  return { status, stderr };
}

test.each([
  [{}, 'No environment given: there are local, dev, staging, prod. Name one, for example: -c env=dev\n'],
  [{ env: 'x' }, 'No environment "x": there are local, dev, staging, prod. Name one, for example: -c env=dev\n'],
])('%j ends with one clear line', (context, line) => {
  expect(app(context)).toEqual({ status: 1, stderr: line });
});
