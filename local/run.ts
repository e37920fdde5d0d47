import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { environment } from '../config';
import { databaseIdentifier } from '../lambdas/shared/database';
import { databaseName } from '../lambdas/shared/platform';
import { datasetsOf, isCaptured } from '../lambdas/shared/source';
import { readDeclarations } from '../lib/declarations';
import { sources } from '../sources';
import { localUrl, serveApi } from './api';
import { tryApi } from './ask';
import { company } from './company';
import { mergeCounts } from './counts';
import { databaseDsn, givenDatabases, ledgerOf, ourDatabases, type Given } from './databases';
import { deploy } from './deploy';
import { feedSources, fillDatabases } from './feed';
import { endLeftoverKafka, ensureKafka, readTopics, startKafka, type Broker } from './kafka';
import { goLive } from './live';
import { keepFlowing } from './live-topics';
import { compareLakeCounts, LAKE } from './lake-counts';
import { checkPorts, kafkaPorts, parseOptions, portsFrom, trinoPort, type Options } from './options';
import { ACCOUNT, REGION, startEmulator, startSpark, tell } from './parts';
import { runPipeline } from './pipeline';
import { checkDatabase, endLeftover, startPostgres, WAREHOUSE, type Postgres } from './postgres';
import { reconcile, reconcileLive } from './reconcile';
import { ensureToolchain, ROOT, SetupError } from './toolchain';
import { endLeftoverTrino, startTrino } from './trino';
import { ensureTrino } from './trino-toolchain';
import { keepTablesFast } from './upkeep';

/** `npm run local`: the whole platform on this machine. Steps and their times are shown as they happen. */

const started = new Date();
const begun = performance.now();
const say = (line: string): void =>
  console.log(`${((performance.now() - begun) / 1000).toFixed(1).padStart(6)} s  ${line}`);

/** Stops what was started, the last first. */
class Running {
  private readonly stops: (() => Promise<unknown>)[] = [];
  private stopping: Promise<void> | undefined;

  add<T extends { stop(): Promise<unknown> }>(part: T): T {
    this.stops.unshift(() => part.stop());
    return part;
  }

  stop(): Promise<void> {
    return (this.stopping ??= (async () => {
      for (const stop of this.stops) await stop();
    })());
  }
}

/** The parts that play the source, the warehouse and AWS. */
interface Parts {
  readonly source: Postgres;
  readonly warehouse: Postgres;
  /** Address of AWS. */
  readonly endpoint: string;
  readonly broker?: Broker;
}

async function startParts(
  options: Options,
  given: Given,
  running: Running,
  log: (name: string) => string,
): Promise<Parts> {
  const ports = portsFrom(options.port);
  const endpoint = `http://127.0.0.1:${ports.emulator}`;
  const folders = { source: join(options.state, 'source'), warehouse: join(options.state, WAREHOUSE) };
  for (const folder of Object.values(folders)) await endLeftover(folder);
  await endLeftoverTrino(options.state);
  await endLeftoverKafka(options.state);
  const more = {
    ...(options.trino ? { trino: trinoPort(options.port) } : {}),
    ...(topics.length > 0 ? kafkaPorts(options.port) : {}),
  };
  await checkPorts({ ...ports, ...more }, 15_000);
  const broker =
    topics.length > 0
      ? running.add(startKafka({ ...options, port: kafkaPorts(options.port).kafka, log: log('kafka') }, topics))
      : undefined;

  const databases = sources.flatMap((declared) => (declared.kind === 'database' ? [declared] : []));
  const source = running.add(await startPostgres(folders.source, ports.source, ourDatabases(sources, given)));
  const warehouse = running.add(await startPostgres(folders.warehouse, ports.warehouse, [WAREHOUSE]));
  if (sources.some(({ kind }) => kind === 'rest')) {
    running.add(await company.serve(`${source.dsn}/${ledgerOf(sources, given)}`, ports.apis));
  }
  say(`PostgreSQL as source on port ${ports.source}, as warehouse on ${ports.warehouse}`);

  const spark = await startSpark(endpoint, log('spark'), options.memory, join(options.state, 'glue'));
  running.add(spark.part);
  const played = environment('local').databases;
  const settings = {
    port: ports.emulator,
    state: options.state,
    region: REGION,
    account: ACCOUNT,
    worker: spark.url,
    source_dsns: Object.fromEntries(
      databases.map((declared) => [databaseIdentifier(played[declared.name]), databaseDsn(declared, given, source)]),
    ),
    warehouse_dsn: warehouse.dsn,
    silver_database: databaseName('local', 'silver'),
    contracts: join(ROOT, 'contracts'),
    auth: options.auth,
    capture_dsns: Object.fromEntries(
      capturedHere(options, given).map((declared) => [
        played[declared.name].capture?.secretArn ?? '',
        databaseDsn(declared, given, source),
      ]),
    ),
  };
  running.add(await startEmulator(settings, log('emulator')));
  say(`AWS on ${endpoint}; Spark is starting`);
  return { source, warehouse, endpoint, broker };
}

/** The sources whose changes are captured: a database of the user's is read, and gets no replication slot of ours. */
const capturedHere = ({ stream }: Options, given: Given) =>
  sources.flatMap((declared) => (stream && isCaptured(declared) && !(declared.name in given) ? [declared] : []));

/** The sources whose messages come from Kafka. */
const topics = sources.filter((declared) => declared.kind === 'kafka');

/** Starts Trino and lets it count every view of the lake. @returns whether it finds what silver has */
async function tryTrino(
  { state, port }: Options,
  running: Running,
  endpoint: string,
  log: string,
  datasets: readonly string[],
): Promise<boolean> {
  const trino = running.add(startTrino({ state, port: trinoPort(port), endpoint, schema: LAKE, log }));
  await trino.ready();
  say(`Trino on port ${trinoPort(port)}`);
  const { lines, equal } = await compareLakeCounts(trino.url, endpoint, datasets);
  for (const line of lines) say(line);
  return equal;
}

const exampleQuery = (port: number, dataset: string): string =>
  `npm run query -- "select * from ${dataset} limit 5"${port === 4500 ? '' : ` --port ${port}`}`;

/** Deploys, loads, reconciles, asks. @returns the exit code, unless the API is to be served until Ctrl-C */
async function run(options: Options, running: Running): Promise<number> {
  const platform = readDeclarations({ environment: environment('local'), sources });
  const given = givenDatabases(options.databases, sources, company.plays);
  for (const [name, connection] of Object.entries(given)) await checkDatabase(name, connection);
  const logs = join(options.state, 'logs');
  mkdirSync(logs, { recursive: true });
  const log = (name: string): string => join(logs, `${name}.log`);
  ensureToolchain(say);
  if (options.trino) ensureTrino(say);
  if (topics.length > 0) ensureKafka(say);
  const { source, warehouse, endpoint, broker } = await startParts(options, given, running, log);

  await fillDatabases({ size: options.size, source, given, say });
  const captured = capturedHere(options, given);
  const withoutCapture = sources.flatMap((one) => (isCaptured(one) && !captured.includes(one) ? [one.name] : []));
  const outputs = await deploy(endpoint, options.state, { port: options.port, withoutCapture }, log('cdk'));
  say('deployed (cdk deploy -c env=local)');
  await feedSources({ size: options.size, source, given, endpoint, outputs, broker, say });
  const stores = { source, given, warehouse, endpoint };
  /** A run of the pipeline, and whether every row and every answer of the API is then what the source says. */
  const loadAndCompare = async (since: Date): Promise<boolean> => {
    // What was captured, and what the collectors took, until now.
    await Promise.all([tell(endpoint, 'flush'), readTopics(endpoint, topics)]);
    await runPipeline(endpoint, outputs.PipelineArn, say);
    for (const line of await mergeCounts(endpoint, outputs.RunsTable, sources.flatMap(datasetsOf))) say(line);
    const equal = reconcile(stores, since);
    say(equal ? 'source = silver = gold, row by row' : 'source, silver and gold DIFFER');
    const database = await source.connect(ledgerOf(sources, given));
    const answers = await tryApi(url, platform, database);
    await database.end();
    for (const { line } of answers) say(line);
    return equal && answers.every((answer) => answer.right);
  };
  const url = localUrl(endpoint, outputs.AnalyticsApiUrl);
  const loaded = await loadAndCompare(started);
  const datasets = platform.contracts.map(({ dataset }) => dataset);
  const counted = !options.trino || (await tryTrino(options, running, endpoint, log('trino'), datasets));
  if (!loaded || !counted) return 1;
  const live = captured.length > 0 && (!options.exit || options.live > 0);
  const ledger = ledgerOf(sources, given);
  const flow = { source, ledger, endpoint, topics, sends: options.changes > 0, reads: !options.exit, say };
  // While silver is compared with its sources, Spark's two cores are the merge's: topics are read once more at the end.
  const flowing = live && broker ? keepFlowing({ ...flow, broker }) : undefined;
  const changing = live
    ? await goLive({ source, endpoint, outputs, captured, topics, changes: options.changes, say })
    : undefined;
  // What changes and asks stops before the parts that it asks.
  if (changing) running.add({ stop: () => changing.stop().catch(() => 0) });
  if (options.exit && changing) {
    await new Promise((done) => setTimeout(done, options.live * 1000));
    const followed = await reconcileLive(
      stores,
      captured.flatMap((declared) => declared.datasets),
    );
    say(followed ? 'silver follows the source' : 'silver does NOT follow the source');
    say(`${(await changing.stop()).toLocaleString('en')} rows have changed; now everything is compared once more`);
    await flowing?.stop();
    return (await loadAndCompare(started)) && followed ? 0 : 1;
  }
  if (options.exit) return 0;

  running.add(keepTablesFast({ endpoint, outputs, say }));
  const server = await serveApi(url, options.port);
  running.add({ stop: () => Promise.resolve(server.close()) });
  say(`the API itself wants a signature (IAM): ${url}`);
  say(`the API, signed for you: curl 'http://127.0.0.1:${options.port}/health' (/openapi.json lists the rest)`);
  if (options.trino) say(`SQL on the lake: ${exampleQuery(options.port, datasets[0])}`);
  say('Ctrl-C stops all');
  return new Promise<number>(() => undefined);
}

async function main(): Promise<void> {
  // The repo runs on Node 20 until the AWS SDK leaves it; the handlers run on newer ones on AWS.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';
  const running = new Running();
  // What was under way fails when its parts stop: only the first ending counts.
  let ending: Promise<never> | undefined;
  const end = (code: number): Promise<never> => (ending ??= running.stop().then(() => process.exit(code)));
  process.on('SIGINT', () => void end(130));
  process.on('SIGTERM', () => void end(143));
  process.on('SIGHUP', () => void end(129));
  let state = '';
  try {
    const options = parseOptions(process.argv.slice(2));
    state = options.state;
    await end(await run(options, running));
  } catch (error) {
    if (!ending) {
      console.error((error as Error).message);
      if (!(error instanceof SetupError) && state) console.error(`Logs: ${join(state, 'logs')}`);
    }
    await end(1);
  }
}

void main();
