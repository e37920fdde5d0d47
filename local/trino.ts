import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { closeSync, fstatSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CATALOG } from '../lib/lake-view';
import { REGION } from './parts';
import { SetupError } from './toolchain';
import { TRINO, trinoJava } from './trino-toolchain';
import { ask } from './trino-client';

/** Trino, which plays Athena: the same SQL on the same Iceberg tables, by way of the same Glue catalogue. */
export interface Trino {
  readonly url: string;
  /** Waits until it answers. @throws SetupError when it has ended, or does not within five minutes */
  ready(): Promise<void>;
  stop(): Promise<void>;
}

/** What starting it needs. */
export interface TrinoSettings {
  /** Folder of the local run; Trino's own is `trino` below it. */
  readonly state: string;
  readonly port: number;
  /** Address of AWS. */
  readonly endpoint: string;
  /** Name of the database that is asked first. */
  readonly schema: string;
  /** File for what Trino says. */
  readonly log: string;
}

const MAIN = 'io.trino.server.TrinoServer';
const HEAP = '1G';
/** Of the heap, what queries may take; Trino keeps 30 % of it for itself. */
const QUERY_MEMORY = '512MB';

/** Numbers of the processes that are Trino on that folder. */
function serversOf(folder: string): number[] {
  const all = spawnSync('ps', ['-A', '-ww', '-o', 'pid=,command='], { encoding: 'utf8' }).stdout.split('\n');
  const ours = all.filter((line) => line.includes(`-Dnode.data-dir=${folder} `) && line.includes(MAIN));
  return ours.map((line) => Number.parseInt(line, 10));
}

/** Ends the Trino that a killed run has left behind: it holds a port and nothing worth keeping. */
export async function endLeftoverTrino(state: string): Promise<void> {
  const folder = join(state, 'trino');
  for (const pid of serversOf(folder)) process.kill(pid, 'SIGKILL');
  while (serversOf(folder).length > 0) await new Promise((done) => setTimeout(done, 100));
}

/** Starts Trino on 127.0.0.1, from what `ensureTrino` has fetched. */
export function startTrino(settings: TrinoSettings): Trino {
  const folder = join(settings.state, 'trino');
  configure(folder, settings);
  const file = openSync(settings.log, 'a');
  const from = fstatSync(file).size;
  const child = spawn(trinoJava(), argumentsOf(folder), { cwd: folder, detached: true, stdio: ['ignore', file, file] });
  closeSync(file);
  const url = `http://127.0.0.1:${settings.port}`;
  return { url, ready: () => ready(child, url, settings, from), stop: () => stop(child) };
}

/** @param from where in the log this server's words begin, bytes */
async function ready(child: ChildProcess, url: string, { schema, log }: TrinoSettings, from: number): Promise<void> {
  for (let waited = 0; waited < 300_000; waited += 200) {
    if (child.exitCode !== null || child.signalCode !== null) {
      throw new SetupError(
        `Trino ended with code ${child.exitCode ?? child.signalCode}: ${cause(log, from)} (see ${log})`,
      );
    }
    const answer = await ask(url, 'select 1', CATALOG, schema).catch(() => undefined);
    if (answer) return;
    await new Promise((done) => setTimeout(done, 200));
  }
  throw new SetupError(`Trino did not answer within five minutes: see ${log}`);
}

/** The innermost cause that Trino told, in a line. */
function cause(log: string, from: number): string {
  const told = readFileSync(log).subarray(from).toString();
  const causes = [...told.matchAll(/^Caused by: (?!.*same stack trace)(.*)$/gm)].map(([, why]) => why);
  return causes.at(-1) ?? /\tERROR\t(.*)/.exec(told)?.[1] ?? 'it gave no reason';
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((done) => child.once('exit', done));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await ended;
  clearTimeout(timer);
}

/** @see https://trino.io/docs/476/installation/deployment.html#jvm-config */
const argumentsOf = (folder: string): string[] => [
  ...[
    '-cp',
    join(TRINO, 'server', 'lib', '*'),
    '-server',
    `-Xmx${HEAP}`,
    '-XX:+UseG1GC',
    '-XX:+ExitOnOutOfMemoryError',
  ],
  ...['-Djdk.attach.allowAttachSelf=true', '-Dfile.encoding=UTF-8', '-Duser.timezone=UTC'],
  ...['--enable-native-access=ALL-UNNAMED', '--sun-misc-unsafe-memory-access=allow'],
  ...[`-Dconfig=${join(folder, 'config.properties')}`, `-Dlog.levels-file=${join(folder, 'log.properties')}`],
  ...['-Dnode.environment=local', '-Dnode.id=local', `-Dnode.data-dir=${folder}`],
  ...[`-Dcatalog.config-dir=${join(folder, 'catalog')}`, `-Dplugin.dir=${join(TRINO, 'plugin')}`, MAIN],
];

function configure(folder: string, { port, endpoint }: TrinoSettings): void {
  const catalogs = join(folder, 'catalog');
  mkdirSync(catalogs, { recursive: true });
  const write = (path: string, properties: Record<string, string | number | boolean>) =>
    writeFileSync(
      path,
      Object.entries(properties)
        .map(([name, value]) => `${name}=${value}\n`)
        .join(''),
    );
  write(join(folder, 'log.properties'), { 'io.trino': 'WARN' });
  write(join(folder, 'config.properties'), {
    coordinator: true,
    'node-scheduler.include-coordinator': true,
    'http-server.http.port': port,
    'http-server.log.enabled': false,
    'discovery.uri': `http://127.0.0.1:${port}`,
    'node.internal-address': '127.0.0.1',
    'node.bind-ip': '127.0.0.1',
    'query.max-memory': QUERY_MEMORY,
    'query.max-memory-per-node': QUERY_MEMORY,
    'web-ui.enabled': false,
  });
  // Read-only, as the readers' policy is on AWS: the tables belong to the pipeline.
  write(join(catalogs, `${CATALOG}.properties`), {
    'connector.name': 'iceberg',
    'iceberg.catalog.type': 'glue',
    'iceberg.security': 'read_only',
    'hive.metastore.glue.region': REGION,
    'hive.metastore.glue.endpoint-url': endpoint,
    'hive.metastore.glue.aws-access-key': 'test',
    'hive.metastore.glue.aws-secret-key': 'test',
    'fs.native-s3.enabled': true,
    's3.endpoint': endpoint,
    's3.region': REGION,
    's3.path-style-access': true,
    's3.aws-access-key': 'test',
    's3.aws-secret-key': 'test',
  });
}
