import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Writable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { GetJobRunCommand, GlueClient, StartJobRunCommand } from '@aws-sdk/client-glue';
import { InvokeCommand, LambdaClient, paginateListFunctions } from '@aws-sdk/client-lambda';
import { DynamoDBDocumentClient, GetCommand } from '@aws-sdk/lib-dynamodb';
import { AwsClient } from 'aws4fetch';
import type { Client } from 'pg';
import { environment } from '../../config';
import { databaseIdentifier } from '../../lambdas/shared/database';
import { databaseName } from '../../lambdas/shared/platform';
import { jobName } from '../../lambdas/shared/replay';
import { datasetsOf } from '../../lambdas/shared/source';
import { deploy } from '../../local/deploy';
import { portsFrom } from '../../local/options';
import { ACCOUNT, credentials, REGION, startEmulator, startSpark, tell, type Part } from '../../local/parts';
import { endLeftover, startPostgres, WAREHOUSE, type Postgres } from '../../local/postgres';
import { ROOT, venv } from '../../local/toolchain';
import { sources } from '../../sources';
import { SOURCE, SOURCE_FOLDER } from './fork';
import { processesBelow } from '../processes';
import { Random } from './random';

/** A fault of the emulator's wire (`local/fault_plan.py` says what each field is). */
export interface Fault {
  readonly kind: 'fail' | 'throttle' | 'drop_answer' | 'duplicate' | 'shuffle' | 'delay' | 'kill_before' | 'kill_after';
  readonly service: string;
  readonly action?: string;
  readonly about?: string;
  readonly share?: number;
  readonly skip?: number;
  readonly times?: number;
  readonly copies?: number;
  readonly seconds?: number;
  readonly pid?: number;
}

/** What is compared with the source. */
export type Store = 'silver' | 'gold';

/** How a dataset compares, as `local/reconcile.py` tells it. */
export interface Comparison {
  readonly dataset: string;
  readonly differences: number;
  readonly kinds: { readonly missing?: number; readonly extra?: number; readonly different?: number };
  readonly examples: readonly string[];
  readonly error?: string;
  readonly source?: { readonly rows: number };
}

/** Of one table of the lake: what its current snapshot refers to, and its history. */
export interface TableFiles {
  readonly data_files: number;
  readonly delete_files: number;
  readonly snapshots: number;
  /** So far, in all. */
  readonly commits: number;
  /** Of the current metadata JSON. */
  readonly metadata_bytes: number;
  /** When the newest change that silver has was committed at the source. */
  readonly newest_committed_at: string | null;
}

export interface WorldProps {
  /** Folder of the state of all parts. */
  readonly state: string;
  /** First of the ports of its parts. */
  readonly port: number;
}

/** A record of Kinesis, what it is in base64. */
export interface StreamRecord {
  readonly Data: string;
  readonly PartitionKey: string;
}

/** What GetRecords answers. */
interface Read {
  readonly Records: readonly StreamRecord[];
  readonly NextShardIterator: string;
}

/** A replication, as DMS describes it. */
interface Replication {
  readonly ReplicationConfigArn: string;
  readonly Status: string;
  readonly FailureMessages?: readonly string[];
}

/** What `check-export` answers. */
interface Export {
  readonly status: 'started' | 'running' | 'complete';
  readonly tables: readonly {
    readonly dataset: string;
    readonly table: string;
    readonly export: string;
    readonly exportId: string;
    readonly position: string;
    readonly committedAt: string;
    readonly complete: boolean;
  }[];
}

/** Milliseconds between two looks at what is under way, and after which it is late. */
const LOOK = 50;
const PATIENCE = 30_000;

/** What a case may edit. */
const DECLARED = ['contracts', 'sources', 'dbt'];

/** The processes that a case may end, by their command lines. */
const PARTS = {
  emulator: /local\/emulator\.py/,
  capture: /local\/dms_replication\.py/,
  spark: /SparkSubmit/,
  build: /dbt .*build/,
} as const;

/** The whole platform on this machine, deployed, with the cases' database as its only source; and what a case does to it. */
export class World {
  private source!: Postgres;
  private warehouse!: Postgres;
  private client!: Client;
  private emulator!: Part;
  private spark!: Part;
  private oracle: Oracle | undefined;
  /** Names of the deployed functions, by their handlers. */
  private readonly functions = new Map<string, string>();
  /** Of the case that runs. */
  seed = 0;
  random!: Random;

  constructor(private readonly props: WorldProps) {}

  get endpoint(): string {
    return `http://127.0.0.1:${portsFrom(this.props.port).emulator}`;
  }

  private get ports(): ReturnType<typeof portsFrom> & { spark: number } {
    return { ...portsFrom(this.props.port), spark: this.props.port + 5 };
  }

  private get logs(): string {
    const folder = join(this.props.state, '..', 'logs');
    mkdirSync(folder, { recursive: true });
    return folder;
  }

  /** Deploys the platform, and keeps the state that everything has then: each seed begins with it. */
  async deploy(): Promise<void> {
    await Promise.all([this.startDatabases(), this.startSpark()]);
    await this.startEmulator();
    await this.change();
    await tell(this.endpoint, 'flush');
    const datasets = sources.flatMap(datasetsOf);
    await this.job('merge', { '--datasets': datasets.join(',') });
    const status = await this.built(await this.startBuild());
    if (status !== 'SUCCEEDED') throw new Error(`the first build of gold ended as ${status}`);
    await this.stopStores();
    this.copyState(this.props.state, this.pristine);
    for (const folder of DECLARED) this.copyState(join(ROOT, folder), `${this.pristine}-${folder}`);
  }

  /** Everything as it was when the platform had been deployed. */
  async reset(): Promise<void> {
    await this.stopStores();
    this.copyState(this.pristine, this.props.state);
    for (const folder of DECLARED) this.copyState(`${this.pristine}-${folder}`, join(ROOT, folder));
    this.functions.clear();
    await this.startDatabases();
    await this.startEmulator();
    await tell(this.endpoint, 'flush');
  }

  /** Before a case: nothing is left of one that went wrong. */
  async begin(seed: number, name: string): Promise<void> {
    this.seed = seed;
    this.random = new Random(seed, name);
    await this.calm();
    await this.disturb({});
    await this.client.end();
    this.client = await this.connect();
  }

  async stop(): Promise<void> {
    this.oracle?.input.end();
    await this.stopStores();
    await this.spark?.stop();
  }

  private get pristine(): string {
    return join(this.props.state, '..', 'deployed');
  }

  private copyState(from: string, to: string): void {
    rmSync(to, { recursive: true, force: true });
    // PostgreSQL's files belong to its own user where we are root.
    const { status, stderr } = spawnSync('cp', ['-a', from, to], { encoding: 'utf8' });
    if (status !== 0) throw new Error(stderr);
  }

  private async startDatabases(): Promise<void> {
    this.warehouse = await startPostgres(join(this.props.state, WAREHOUSE), this.ports.warehouse, [WAREHOUSE]);
    await this.startSource();
  }

  private async stopStores(): Promise<void> {
    await this.emulator?.stop();
    await this.client?.end().catch(() => undefined);
    await this.source?.stop();
    await this.warehouse?.stop();
  }

  private async startEmulator(): Promise<void> {
    const { databases } = environment('local');
    const settings = {
      port: this.ports.emulator,
      state: this.props.state,
      region: REGION,
      account: ACCOUNT,
      worker: `http://127.0.0.1:${this.ports.spark}`,
      source_dsns: { [databaseIdentifier(databases[SOURCE])]: `${this.source.dsn}/${SOURCE}` },
      warehouse_dsn: this.warehouse.dsn,
      silver_database: databaseName('local', 'silver'),
      contracts: join(ROOT, 'contracts'),
      // Sessions of roles are in memory where a kill takes them from, which AWS's are not; roles have tests of their own.
      auth: false,
      capture_dsns: { [databases[SOURCE].capture?.secretArn ?? '']: `${this.source.dsn}/${SOURCE}` },
    };
    this.emulator = await startEmulator(settings, join(this.logs, 'emulator.log'));
  }

  private async startSpark(): Promise<void> {
    const scratch = join(this.props.state, '..', 'glue');
    const log = join(this.logs, 'spark.log');
    this.spark = (await startSpark(this.endpoint, log, '2g', scratch, this.ports.spark)).part;
  }

  // ── the source

  /** Runs SQL in the source's database. Several statements at once give no rows. */
  async sql<R extends object>(text: string, values: unknown[] = []): Promise<R[]> {
    return (await this.client.query<R>(text, values.length > 0 ? values : undefined)).rows;
  }

  /** Runs SQL on a table whose changes are not captured meanwhile: such rows were there before the capture. */
  async uncaptured(table: string, text: string): Promise<void> {
    const publications = await this.sql<{ pubname: string }>('select pubname from pg_publication');
    const alter = (what: string) =>
      publications.map(({ pubname }) => `alter publication ${pubname} ${what} table ${table}`);
    for (const statement of [...alter('drop'), text, ...alter('add')]) await this.sql(statement);
  }

  /** Another connection to the source's database, which the case ends itself. */
  connect(): Promise<Client> {
    return this.source.connect(SOURCE);
  }

  async startSource(): Promise<void> {
    const folder = join(this.props.state, SOURCE_FOLDER);
    await endLeftover(folder);
    this.source = await startPostgres(folder, this.ports.source, [SOURCE]);
    this.client = await this.source.connect(SOURCE);
  }

  /** Ends the source's PostgreSQL at once (`immediate`): what was not committed is gone, what was is in its log. */
  async crashSource(): Promise<void> {
    const file = join(this.props.state, SOURCE_FOLDER, 'postmaster.pid');
    process.kill(Number(readFileSync(file, 'utf8').split('\n')[0]), 'SIGQUIT');
    while (existsSync(file)) await pause(20);
    await this.client.end().catch(() => undefined);
  }

  /** Copies the source's data as a backup has them. @returns what puts them back in place of what is there then */
  async backUpSource(): Promise<() => Promise<void>> {
    const folder = join(this.props.state, SOURCE_FOLDER);
    const backup = join(this.props.state, '..', 'backup');
    const copied = async (from: string, to: string) => {
      await this.client.end();
      await this.source.stop();
      this.copyState(from, to);
      await this.startSource();
    };
    await copied(folder, backup);
    return () => copied(backup, folder);
  }

  // ── the parts

  /** Everything that the source has committed is in bronze. @param seconds that it may take */
  async flush(seconds = 60): Promise<void> {
    await tell(this.endpoint, 'flush', { seconds });
  }

  /** What AWS keeps, and the emulator writes down every two seconds, is on disk. */
  async save(): Promise<void> {
    await tell(this.endpoint, 'save');
  }

  /** Faults of the wire, in place of those before. */
  async faults(...faults: Fault[]): Promise<void> {
    await tell(this.endpoint, 'faults', { seed: this.random.whole(0, 2 ** 31), faults });
  }

  /** Ends the faults. @returns how often each of them happened @throws Error when one of them never did */
  async mend(): Promise<number[]> {
    const { happened } = (await tell(this.endpoint, 'faults', { faults: [] })) as { happened: number[] };
    if (happened.includes(0)) throw new Error(`a fault never happened: ${happened.join(', ')}`);
    return happened;
  }

  /** Ends the faults, whether they happened or not. */
  async calm(): Promise<void> {
    await tell(this.endpoint, 'faults', { faults: [] });
  }

  /** Makes DMS's own wire bad (`local/dms_sink.py`). */
  async disturb(faults: { skew?: number; duplicates?: number; disorder?: number }): Promise<void> {
    await tell(this.endpoint, 'dms', faults);
  }

  /** What DMS says of the replication that was made last. */
  async replication(): Promise<{ arn: string; status: string; messages: readonly string[] }> {
    const { Replications } = await this.dms<{ Replications: Replication[] }>('DescribeReplications', {});
    const { ReplicationConfigArn, Status, FailureMessages } = Replications[Replications.length - 1];
    return { arn: ReplicationConfigArn, status: Status, messages: FailureMessages ?? [] };
  }

  /** Ends DMS's connections, as a network does. */
  async cutCapture(): Promise<void> {
    await this.sql('select pg_terminate_backend(active_pid) from pg_replication_slots where active');
  }

  /** Drops the slot of the replication, which is about to be taken again. */
  async dropSlot(): Promise<void> {
    for (;;) {
      await this.cutCapture();
      try {
        await this.sql('select pg_drop_replication_slot(slot_name) from pg_replication_slots');
        return;
      } catch {
        await pause(10); // it has been taken since
      }
    }
  }

  /** What an operator does when the log starts anew: `capture.epoch`, and a deployment. */
  async raiseEpoch(): Promise<void> {
    const file = join(ROOT, 'sources', `${SOURCE}.ts`);
    const text = readFileSync(file, 'utf8');
    const epoch = Number(/epoch: (\d+)/.exec(text)?.[1] ?? 1) + 1;
    writeFileSync(file, text.replace(/capture: \{.*\}/, `capture: { epoch: ${epoch} }`));
    await this.change();
  }

  /** Deploys what was edited. */
  async change(): Promise<void> {
    const local = { port: this.props.port, withoutCapture: [] };
    await deploy(this.endpoint, this.props.state, local, join(this.logs, 'cdk.log'));
    this.functions.clear();
  }

  /** Stops the replication, as a deployment does, while something is done. */
  async pauseCapture(work: () => Promise<void>): Promise<void> {
    const arn = { ReplicationConfigArn: (await this.replication()).arn };
    await this.dms('StopReplication', arn);
    while ((await this.replication()).status !== 'stopped') await pause(LOOK);
    await work();
    await this.dms('StartReplication', { ...arn, StartReplicationType: 'resume-processing' });
  }

  /** `npm run ops -- replay`: what became no row, or lacked columns, of these datasets once more. */
  replay(...datasets: string[]): void {
    const tsx = join(ROOT, 'node_modules', 'tsx', 'dist', 'cli.mjs');
    const wanted = ['--source', SOURCE, '--dataset', datasets.join(',')];
    const args = [tsx, 'scripts/ops.ts', 'replay', ...wanted, '--port', `${this.props.port}`];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8' });
    if (status !== 0) throw new Error(`replay: ${stdout}${stderr}`);
  }

  /** The part of a replay that is of Firehose's error prefix, without the search of each table that comes before it. */
  async replayErrors(): Promise<void> {
    await this.invoke('replay-records', { source: SOURCE, until: new Date().toISOString() });
  }

  /** Process id of a part: of the emulator, DMS's replication, Spark's JVM, or a build. @throws Error when it is not there */
  async process(part: keyof typeof PARTS): Promise<number> {
    const root = part === 'spark' ? this.spark.pid : this.emulator.pid;
    for (const until = performance.now() + PATIENCE; performance.now() < until;) {
      const found = processesBelow(root).find(({ command }) => PARTS[part].test(command));
      if (found) return found.pid;
      await pause(LOOK);
    }
    throw new Error(`there is no process of ${part}`);
  }

  /** Starts the emulator that was killed, with all that it plays. */
  async restartEmulator(): Promise<void> {
    await this.emulator.ended;
    await this.startEmulator();
  }

  /** Starts Spark that was killed. */
  async restartSpark(): Promise<void> {
    await this.spark.stop();
    await this.startSpark();
  }

  // ── the jobs

  /** Starts a Glue job. @returns its run's id */
  async start(script: string, args: Readonly<Record<string, string>>): Promise<string> {
    const { JobRunId } = await this.glue.send(
      new StartJobRunCommand({ JobName: jobName('local', script), Arguments: { ...args, '--run-id': 'faults' } }),
    );
    return JobRunId ?? '';
  }

  /** Waits for a run to end. @param look milliseconds between two looks @returns its error, undefined when it succeeded */
  async ended(script: string, RunId: string, look = LOOK): Promise<string | undefined> {
    for (;;) {
      const { JobRun } = await this.glue.send(new GetJobRunCommand({ JobName: jobName('local', script), RunId }));
      if (JobRun?.JobRunState === 'SUCCEEDED') return undefined;
      if (JobRun?.JobRunState === 'FAILED') return JobRun.ErrorMessage ?? 'failed';
      await pause(look);
    }
  }

  /** Runs a Glue job to its end. @throws Error when it fails */
  async job(script: string, args: Readonly<Record<string, string>>): Promise<void> {
    const error = await this.ended(script, await this.start(script, args));
    if (error) throw new Error(`${script} ${Object.values(args).join(' ')}: ${error}`);
  }

  /** Everything that the source has committed is in silver. */
  async settle(...datasets: string[]): Promise<void> {
    await this.flush();
    await this.job('merge', { '--datasets': datasets.join(',') });
  }

  /** What a job has recorded of its last run on a dataset. */
  async record(dataset: string, job: string): Promise<Record<string, unknown>> {
    const outputs = JSON.parse(readFileSync(join(this.props.state, 'outputs.json'), 'utf8')) as Record<string, object>;
    const { RunsTable } = Object.assign({}, ...Object.values(outputs)) as { RunsTable: string };
    const Key = { pk: `dataset#${dataset}`, sk: job };
    const client = DynamoDBDocumentClient.from(
      new DynamoDBClient({ endpoint: this.endpoint, region: REGION, credentials }),
    );
    return (await client.send(new GetCommand({ TableName: RunsTable, Key }))).Item ?? {};
  }

  /** Exports a snapshot that is taken now, and loads these datasets of it, by the steps of the pipeline. */
  async loadSnapshot(...datasets: string[]): Promise<void> {
    await this.takeSnapshot();
    await this.loadExport(...datasets);
  }

  /** A snapshot as RDS makes one each day. */
  async takeSnapshot(): Promise<void> {
    await tell(this.endpoint, 'snapshot', { database: databaseIdentifier(environment('local').databases[SOURCE]) });
  }

  /** Exports the newest snapshot and loads these datasets of it. */
  async loadExport(...datasets: string[]): Promise<void> {
    const wanted = { source: SOURCE, datasets: datasets.map((dataset) => ({ dataset })) };
    const started = await this.invoke<Export>('start-export', wanted);
    let told = await this.invoke<Export>('check-export', started);
    while (told.status !== 'complete') {
      await pause(LOOK);
      told = await this.invoke<Export>('check-export', started);
    }
    for (const { dataset, table, export: folder, exportId, position, committedAt, complete } of told.tables) {
      await this.job('load_snapshot', {
        '--dataset': dataset,
        '--table': table,
        '--export': folder,
        '--export-id': exportId,
        '--position': position,
        '--committed-at': committedAt,
        '--complete': `${complete}`,
      });
    }
    await this.job('merge', { '--datasets': datasets.join(',') });
  }

  /** Calls a handler of `lambdas/`. @throws Error when it fails */
  async invoke<T>(handler: string, event: object): Promise<T> {
    const FunctionName = await this.functionOf(handler);
    const client = new LambdaClient({ endpoint: this.endpoint, region: REGION, credentials, maxAttempts: 1 });
    const answer = await client.send(new InvokeCommand({ FunctionName, Payload: JSON.stringify(event) }));
    const text = Buffer.from(answer.Payload ?? []).toString();
    if (answer.FunctionError) throw new Error(`${handler}: ${text}`);
    return JSON.parse(text) as T;
  }

  private async functionOf(handler: string): Promise<string> {
    if (this.functions.size === 0) {
      const client = new LambdaClient({ endpoint: this.endpoint, region: REGION, credentials });
      for await (const { Functions } of paginateListFunctions({ client }, {})) {
        for (const { Description = '', FunctionName = '' } of Functions ?? []) {
          this.functions.set(Description.replace('lambdas/', ''), FunctionName);
        }
      }
    }
    const name = this.functions.get(handler);
    if (name === undefined) throw new Error(`no function is lambdas/${handler}`);
    return name;
  }

  /** Starts the build of gold. @returns its id */
  async startBuild(): Promise<string> {
    const { projects } = await this.codebuild<{ projects: string[] }>('ListProjects', {});
    const { build } = await this.codebuild<{ build: { id: string } }>('StartBuild', { projectName: projects[0] });
    return build.id;
  }

  /** Waits for a build to end. @returns its status, such as SUCCEEDED */
  async built(id: string): Promise<string> {
    while (!(await this.hasEnded(id))) await pause(LOOK);
    return this.statusOf(id);
  }

  async hasEnded(id: string): Promise<boolean> {
    return (await this.statusOf(id)) !== 'IN_PROGRESS';
  }

  private async statusOf(id: string): Promise<string> {
    const { builds } = await this.codebuild<{ builds: { buildStatus: string }[] }>('BatchGetBuilds', { ids: [id] });
    return builds[0].buildStatus;
  }

  /** Runs SQL in the warehouse. Several statements at once give no rows. */
  async warehouseSql<R extends object>(text: string): Promise<R[]> {
    const client = await this.warehouse.connect(WAREHOUSE);
    try {
      return (await client.query<R>(text)).rows;
    } finally {
      await client.end();
    }
  }

  /** A request in AWS's JSON protocol. @param target the service's prefix and the action, as X-Amz-Target has them */
  private async request<T>(service: string, target: string, body: object): Promise<T> {
    const client = new AwsClient({ ...credentials, region: REGION, service });
    const headers = { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': target };
    const answer = await client.fetch(this.endpoint, { method: 'POST', headers, body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${target}: ${await answer.text()}`);
    return (await answer.json()) as T;
  }

  private codebuild<T>(action: string, body: object): Promise<T> {
    return this.request('codebuild', `CodeBuild_20161006.${action}`, body);
  }

  private dms<T>(action: string, body: object): Promise<T> {
    return this.request('dms', `AmazonDMSv20160101.${action}`, body);
  }

  private kinesis<T>(action: string, body: object): Promise<T> {
    return this.request('kinesis', `Kinesis_20131202.${action}`, body);
  }

  private get glue(): GlueClient {
    return new GlueClient({ endpoint: this.endpoint, region: REGION, credentials, maxAttempts: 1 });
  }

  // ── the stream's records

  /** The records of a table that stand in the stream, with what they are in base64. */
  async records(table: string): Promise<StreamRecord[]> {
    const StreamName = await this.stream();
    const { Shards } = await this.kinesis<{ Shards: { ShardId: string }[] }>('ListShards', { StreamName });
    const found: StreamRecord[] = [];
    for (const { ShardId } of Shards) {
      const start = { StreamName, ShardId, ShardIteratorType: 'TRIM_HORIZON' };
      let { ShardIterator } = await this.kinesis<{ ShardIterator: string }>('GetShardIterator', start);
      for (;;) {
        const answer = await this.kinesis<Read>('GetRecords', { ShardIterator });
        if (answer.Records.length === 0) break;
        found.push(...answer.Records);
        ShardIterator = answer.NextShardIterator;
      }
    }
    const ours = found.filter(({ Data }) => Buffer.from(Data, 'base64').includes(`"${table}"`));
    if (ours.length === 0) throw new Error(`the stream has no record of ${table}`);
    return ours;
  }

  /** Puts records into the stream, as somebody may who may write there. */
  async put(records: readonly StreamRecord[]): Promise<void> {
    const StreamName = await this.stream();
    for (let at = 0; at < records.length; at += 500) {
      const Records = records.slice(at, at + 500).map(({ Data, PartitionKey }) => ({ Data, PartitionKey }));
      await this.kinesis('PutRecords', { StreamName, Records });
    }
  }

  private async stream(): Promise<string> {
    return (await this.kinesis<{ StreamNames: string[] }>('ListStreams', {})).StreamNames[0];
  }

  // ── the oracle

  /** Compares datasets in the source, silver and, if so, gold, row by row. */
  compare(datasets: readonly string[], stores: readonly Store[]): Promise<Comparison[]> {
    const relation = (dataset: string) => ({ dsn: `${this.source.dsn}/${SOURCE}`, relation: `public.${dataset}` });
    const sources = Object.fromEntries(datasets.map((dataset) => [dataset, relation(dataset)]));
    return this.ask({ compare: datasets, stores, contracts: join(ROOT, 'contracts') }, sources);
  }

  /** How many rows of a dataset lie in quarantine. */
  quarantined(dataset: string): Promise<number> {
    return this.ask({ quarantined: dataset, database: databaseName('local', 'quarantine') });
  }

  /** Files and snapshots of datasets, by `<layer>.<dataset>`, of bronze and silver. */
  files(datasets: readonly string[]): Promise<Record<string, TableFiles>> {
    return this.ask({ files: datasets, bronze_database: databaseName('local', 'bronze') });
  }

  /** Silver as it was so many commits ago. */
  async rollBack(dataset: string, snapshots: number): Promise<void> {
    await this.ask({ roll_back: dataset, snapshots });
  }

  private async ask<T>(request: object, sources: object = {}): Promise<T> {
    this.oracle ??= startOracle();
    const config = {
      sources,
      endpoint: this.endpoint,
      region: REGION,
      silver_database: databaseName('local', 'silver'),
      warehouse: `${this.warehouse.dsn}/${WAREHOUSE}`,
      gold_schema: 'gold',
      models: join(ROOT, 'dbt', 'models'),
    };
    this.oracle.input.write(`${JSON.stringify({ ...request, config })}\n`);
    const { value, done } = await this.oracle.answers.next();
    if (done) {
      this.oracle = undefined; // the next question starts it anew
      throw new Error('the oracle has ended');
    }
    return JSON.parse(value) as T;
  }
}

/** The process that reads the stores (`oracle.py`). */
interface Oracle {
  readonly input: Writable;
  readonly answers: AsyncIterator<string, undefined>;
}

function startOracle(): Oracle {
  const { stdin, stdout } = spawn(venv('python'), ['test/faults/oracle.py'], {
    cwd: ROOT,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  return { input: stdin, answers: createInterface({ input: stdout })[Symbol.asyncIterator]() };
}
