import { parseArgs, type ParseArgsConfig } from 'node:util';
import { environment, environmentNames } from '../../config';
import { portsFrom } from '../../local/options';
import { ACCOUNT, credentials, REGION } from '../../local/parts';
import { SetupError } from '../../local/toolchain';

/** The environment that a command of `npm run ops` is about. */
export interface Target {
  readonly environment: string;
  /** As `config/` says; undefined: as the AWS credentials say. */
  readonly region: string | undefined;
  readonly account: string | undefined;
  /** Address of AWS; undefined for AWS itself. */
  readonly endpoint: string | undefined;
}

/** The options by which every command is told where. */
export const WHERE = {
  env: { type: 'string', default: 'local' },
  port: { type: 'string', default: '4500' },
} as const;

/** @throws SetupError in one line: the value got, the values allowed. */
export function target(values: { readonly env: string; readonly port: string }): Target {
  if (!environmentNames.includes(values.env)) {
    throw new SetupError(`--env is ${JSON.stringify(values.env)}: there are ${environmentNames.join(', ')}`);
  }
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 1024 || port > 65_000) {
    throw new SetupError(`--port is ${JSON.stringify(values.port)}: a whole number from 1024 to 65000 is allowed`);
  }
  const local = values.env === 'local';
  const { account, region } = local ? { account: ACCOUNT, region: REGION } : environment(values.env);
  const endpoint = local ? `http://127.0.0.1:${portsFrom(port).emulator}` : undefined;
  return { environment: values.env, region, account, endpoint };
}

/** How the clients of AWS's SDK reach it. */
export const clientOf = ({ region, endpoint }: Target) => ({ region, ...(endpoint && { endpoint, credentials }) });

/** Where it is, for a message. */
export const place = ({ account, region }: Target): string =>
  `in account ${account ?? 'of these credentials'}, region ${region ?? 'of these credentials'}`;

/** What a user is told of an error of AWS, in one line. */
export function reason(error: unknown, { endpoint }: Target): string {
  const { name, message, code } = error as Error & { code?: string };
  if (endpoint && code === 'ECONNREFUSED') {
    return `nobody answers on ${endpoint}; start npm run local, and give its --port here`;
  }
  return `${name}: ${message.split('\n')[0]}`;
}

/** Options of a command. @throws SetupError with its usage */
export function readOptions<T extends NonNullable<ParseArgsConfig['options']>>(
  args: readonly string[],
  options: T,
  usage: string,
) {
  try {
    return parseArgs({ args: [...args], options }).values;
  } catch (error) {
    throw new SetupError(`${(error as Error).message.split('. ')[0]}: use ${usage}`);
  }
}
