import { parseArgs } from 'node:util';
import { environment, environmentNames } from '../../config';
import { portsFrom } from '../../local/options';
import { ACCOUNT, REGION } from '../../local/parts';
import { SetupError } from '../../local/toolchain';

export const USAGE =
  'npm run ops -- replay --source NAME [--env local] [--since TIME] [--until TIME] [--dry-run] [--port N]';

/** What `npm run ops -- replay` was asked for. */
export interface Wanted {
  /** What the handler is asked (`lambdas/replay-records`). */
  readonly request: { source: string; since?: string; until?: string; dryRun: boolean };
  readonly environment: string;
  /** As `config/` says; undefined: as the AWS credentials say. */
  readonly region: string | undefined;
  readonly account: string | undefined;
  /** Address of AWS; undefined for AWS itself. */
  readonly endpoint: string | undefined;
}

/** @throws SetupError in one line: the value got, the values allowed. */
export function parseReplay(args: readonly string[]): Wanted {
  const values = read(args);
  if (values.source === undefined) throw new SetupError(`--source is missing: use ${USAGE}`);
  if (!environmentNames.includes(values.env)) {
    throw new SetupError(`--env is ${JSON.stringify(values.env)}: there are ${environmentNames.join(', ')}`);
  }
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 1024 || port > 65_000) {
    throw new SetupError(`--port is ${JSON.stringify(values.port)}: a whole number from 1024 to 65000 is allowed`);
  }
  const local = values.env === 'local';
  const { account, region } = local ? { account: ACCOUNT, region: REGION } : environment(values.env);
  const [since, until] = [time('since', values.since), time('until', values.until)];
  return {
    request: { source: values.source, ...(since && { since }), ...(until && { until }), dryRun: values['dry-run'] },
    environment: values.env,
    region,
    account,
    endpoint: local ? `http://127.0.0.1:${portsFrom(port).emulator}` : undefined,
  };
}

function read(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        source: { type: 'string' },
        env: { type: 'string', default: 'local' },
        since: { type: 'string' },
        until: { type: 'string' },
        'dry-run': { type: 'boolean', default: false },
        port: { type: 'string', default: '4500' },
      },
    }).values;
  } catch (error) {
    throw new SetupError(`${(error as Error).message.split('. ')[0]}: use ${USAGE}`);
  }
}

/** A time with a zone, or a day, which begins at midnight UTC. */
function time(name: string, text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const form = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/;
  const found = form.test(text) ? new Date(text) : undefined;
  if (found && !Number.isNaN(found.getTime())) return found.toISOString();
  throw new SetupError(`--${name} is ${JSON.stringify(text)}: 2026-01-31 or 2026-01-31T12:00:00Z is allowed`);
}
