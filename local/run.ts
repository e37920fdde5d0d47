import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { environment } from '../config';
import { databaseName } from '../lambdas/shared/platform';
import { datasetsOf } from '../lambdas/shared/source';
import { readDeclarations } from '../lib/declarations';
import { company } from '../sample';
import { sources } from '../sources';
import { localUrl, serveApi } from './api';
import { tryApi } from './ask';
import { deploy, type Outputs } from './deploy';
import { checkPorts, parseOptions, portsFrom, type Options } from './options';
import { ACCOUNT, REGION, signer, startEmulator, startSpark } from './parts';
import { runPipeline } from './pipeline';
import { endLeftover, startPostgres, type Postgres } from './postgres';
import { ensureToolchain, ROOT, SetupError, venv } from './toolchain';

/** `npm run local`: the whole platform on this machine. Steps and their times are shown as they happen. */

const WAREHOUSE = 'warehouse';
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

/** Plays the source company: rows in its databases, a snapshot of each, events to the collectors. */
async function feed(options: Options, source: Postgres, endpoint: string, outputs: Outputs): Promise<void> {
  const { databases } = environment('local');
  for (const declared of sources) {
    if (declared.kind === 'database') {
      const client = await source.connect(declared.database);
      say(`${declared.name}: ${await company.live(client, options.orders)}`);
      await client.end();
      const instance = databases[declared.name].instance;
      await post(`${endpoint}/_moraine/snapshot`, { instance });
      say(`${declared.name}: automated snapshot of ${instance}`);
    } else {
      const ledger = await source.connect(sources.find((s) => s.kind === 'database')?.database ?? 'postgres');
      const aws = signer();
      const url = localUrl(endpoint, outputs.CollectorUrl);
      const told = await company.send(ledger, options.orders, async (events) => {
        const answer = await aws.fetch(`${url}/events/${declared.dataset}`, {
          method: 'POST',
          body: JSON.stringify(events),
        });
        if (answer.status !== 202) throw new Error(`The collector answered ${answer.status}: ${await answer.text()}`);
      });
      await ledger.end();
      await post(`${endpoint}/_moraine/flush`, {});
      say(`${declared.name}: ${told}`);
    }
  }
}

async function post(url: string, body: object): Promise<void> {
  const answer = await fetch(url, { method: 'POST', body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${new URL(url).pathname} answered ${answer.status}: ${await answer.text()}`);
}

/** Compares every row of source, silver and gold. @returns whether they are equal */
function reconcile(options: Options, source: Postgres, warehouse: Postgres, endpoint: string): boolean {
  const truth = Object.fromEntries(
    sources.flatMap((declared) =>
      datasetsOf(declared).map((dataset) => {
        const database =
          declared.kind === 'database' ? declared.database : sources.find((s) => s.kind === 'database')?.database;
        const relation = declared.kind === 'database' ? `${declared.schema}.${dataset}` : company.ledger[dataset];
        return [dataset, { dsn: `${source.dsn}/${database}`, relation }];
      }),
    ),
  );
  const config = join(options.state, 'reconcile.json');
  writeFileSync(
    config,
    JSON.stringify({
      sources: truth,
      endpoint,
      region: REGION,
      silver_database: databaseName('local', 'silver'),
      quarantine_database: databaseName('local', 'quarantine'),
      warehouse: `${warehouse.dsn}/${WAREHOUSE}`,
      gold_schema: 'gold',
      models: join(ROOT, 'dbt', 'models'),
    }),
  );
  const python = (...args: string[]) => spawnSync(venv('python'), args, { cwd: ROOT, stdio: 'inherit' }).status === 0;
  const equal = python('local/reconcile.py', '--contracts', 'contracts', '--config', config);
  return python('local/quarantine.py', endpoint, REGION, databaseName('local', 'quarantine')) && equal;
}

async function main(): Promise<number> {
  // The repo runs on Node 20 until the AWS SDK leaves it; the handlers run on newer ones on AWS.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';
  const options = parseOptions(process.argv.slice(2));
  const ports = portsFrom(options.port);
  const endpoint = `http://127.0.0.1:${ports.emulator}`;
  const logs = join(options.state, 'logs');
  mkdirSync(logs, { recursive: true });
  const log = (name: string): string => join(logs, `${name}.log`);

  const platform = readDeclarations({ environment: environment('local'), sources });
  ensureToolchain(say);
  const running = new Running();
  let interrupted = false;
  const interrupt = (): void => {
    interrupted = true;
    void running.stop().then(() => process.exit(130));
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  try {
    const folders = { source: join(options.state, 'source'), warehouse: join(options.state, WAREHOUSE) };
    for (const folder of Object.values(folders)) await endLeftover(folder);
    await checkPorts(ports, 15_000);
    const databases = sources.flatMap((s) => (s.kind === 'database' ? [s.database] : []));
    const source = running.add(await startPostgres(folders.source, ports.source, databases));
    const warehouse = running.add(await startPostgres(folders.warehouse, ports.warehouse, [WAREHOUSE]));
    say(`PostgreSQL as source on port ${ports.source}, as warehouse on ${ports.warehouse}`);

    const spark = await startSpark(endpoint, log('spark'), options.memory);
    running.add(spark.part);
    say('Spark starts');
    const { databases: instances } = environment('local');
    running.add(
      await startEmulator(
        {
          port: ports.emulator,
          state: options.state,
          region: REGION,
          account: ACCOUNT,
          worker: spark.url,
          source_dsns: Object.fromEntries(
            sources.flatMap((s) =>
              s.kind === 'database' ? [[instances[s.name].instance, `${source.dsn}/${s.database}`]] : [],
            ),
          ),
          warehouse_dsn: warehouse.dsn,
          silver_database: databaseName('local', 'silver'),
          contracts: join(ROOT, 'contracts'),
        },
        log('emulator'),
      ),
    );
    say(`AWS on ${endpoint}`);
    const outputs = await deploy(endpoint, options.state, log('cdk'));
    say('deployed (cdk deploy -c env=local)');
    await feed(options, source, endpoint, outputs);
    await runPipeline(endpoint, outputs.PipelineArn, say);
    say('pipeline done');
    const equal = reconcile(options, source, warehouse, endpoint);
    say(equal ? 'source = silver = gold, row by row' : 'source, silver and gold DIFFER');
    for (const line of await tryApi(endpoint, outputs.AnalyticsApiUrl, platform)) say(line);
    if (!equal || options.exit) return equal ? 0 : 1;
    const server = await serveApi(localUrl(endpoint, outputs.AnalyticsApiUrl), ports.api);
    running.add({ stop: async () => void server.close() });
    say(`the API: curl 'http://127.0.0.1:${ports.api}/health' (openapi.json lists the rest). Ctrl-C stops all.`);
    return await new Promise<number>(() => undefined);
  } catch (error) {
    if (interrupted) return await new Promise<number>(() => undefined);
    throw error;
  } finally {
    if (!interrupted) await running.stop();
  }
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    console.error((error as Error).message);
    if (!(error instanceof SetupError))
      console.error(`Logs: ${join(process.cwd(), '.local', 'logs')}, or below --state`);
    process.exit(1);
  },
);
