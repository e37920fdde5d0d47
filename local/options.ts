import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ROOT, SetupError } from './toolchain';

/** What `npm run local -- …` was asked for. */
export interface Options {
  /** Orders that the sample company starts with. Default 100,000. */
  readonly size: number;
  /** Stop after the reconciliation. Default: serve the API until Ctrl-C. */
  readonly exit: boolean;
  /** The API's port; the other parts take the ones after it. Default 4500. */
  readonly port: number;
  /** Folder of everything that survives the run. Default `.local`. */
  readonly state: string;
  /** Memory of Spark. Default 4g. */
  readonly memory: string;
  /** Whether roles may do only what their policies allow (IAM). Default true; `--no-auth` lets everyone do everything. */
  readonly auth: boolean;
  /** Start Trino, which plays Athena. Default: leave it out. */
  readonly trino: boolean;
  /** Capture the changes of databases as they happen. Default true; `--no-stream` leaves it out. */
  readonly stream: boolean;
  /** Rows that the sample company changes each second after the first load. Default 20. */
  readonly changes: number;
  /** With `exit`: seconds for which changes go on before the run ends. Default 0. */
  readonly live: number;
  /** `NAME=ADDRESS` of each database source that has a database of its own. Default: ours, empty, play them. */
  readonly databases: readonly string[];
}

const number = (name: string, text: string, least: number, most: number): number => {
  const value = Number(text);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new SetupError(`--${name} is ${JSON.stringify(text)}: a whole number from ${least} to ${most} is allowed`);
};

/** @throws SetupError when an option is unknown or its value is not allowed */
export function parseOptions(args: readonly string[]): Options {
  let values: {
    orders: string;
    exit: boolean;
    port: string;
    state: string;
    memory: string;
    'no-auth': boolean;
    trino: boolean;
    'no-stream': boolean;
    changes: string;
    live: string;
    database: string[];
  };
  try {
    ({ values } = parseArgs({
      args: [...args],
      options: {
        orders: { type: 'string', default: '100000' },
        exit: { type: 'boolean', default: false },
        port: { type: 'string', default: '4500' },
        state: { type: 'string', default: join(ROOT, '.local') },
        memory: { type: 'string', default: '4g' },
        'no-auth': { type: 'boolean', default: false },
        trino: { type: 'boolean', default: false },
        'no-stream': { type: 'boolean', default: false },
        changes: { type: 'string', default: '20' },
        live: { type: 'string', default: '0' },
        database: { type: 'string', multiple: true, default: [] },
      },
    }));
  } catch (error) {
    throw new SetupError(
      `${(error as Error).message.split('. ')[0]}. Known are --orders N, --exit, --port N, --state FOLDER, --memory 4g, --no-auth, --trino, --no-stream, --changes N, --live SECONDS, --database NAME=postgresql://…`,
    );
  }
  return {
    size: number('orders', values.orders, 1, 20_000_000),
    exit: values.exit,
    port: number('port', values.port, 1024, 65_000),
    state: resolve(values.state),
    memory: values.memory,
    auth: !values['no-auth'],
    trino: values.trino,
    stream: !values['no-stream'],
    changes: number('changes', values.changes, 0, 10_000),
    live: number('live', values.live, 0, 3600),
    databases: values.database,
  };
}

/** The ports of the parts, from the first. */
export const portsFrom = (first: number) => ({
  api: first,
  emulator: first + 1,
  source: first + 2,
  warehouse: first + 3,
  apis: first + 4,
});

/** The ports of Kafka, for runs with topics to read. */
export const kafkaPorts = (first: number) => ({ kafka: first + 6, 'kafka controller': first + 7 });

/** The port of Trino, which few runs start. */
export const trinoPort = (first: number): number => first + 5;

const isFree = (port: number): Promise<boolean> =>
  new Promise((done) => {
    const probe = createServer();
    probe.on('error', () => done(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => done(true)));
  });

/**
 * @param patience milliseconds to wait for the parts of a killed run, which end by themselves. Default 0.
 * @throws SetupError when somebody else listens on one of the ports
 */
export async function checkPorts(ports: Readonly<Record<string, number>>, patience = 0): Promise<void> {
  const until = performance.now() + patience;
  for (const [part, port] of Object.entries(ports)) {
    while (!(await isFree(port))) {
      if (performance.now() < until) {
        await new Promise((done) => setTimeout(done, 100));
        continue;
      }
      const last = Math.max(...Object.values(ports)) - Math.min(...Object.values(ports));
      throw new SetupError(
        `Port ${port} (${part}) is taken: end what listens there, or choose ${last + 1} free ports with --port N (N to N+${last})`,
      );
    }
  }
}
