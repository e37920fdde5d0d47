import { join } from 'node:path';
import type { Environment } from '../config/environment';
import { isKeyless, type Contract } from '../lambdas/shared/contract';
import { placesOf } from '../lambdas/shared/event-export-source';
import type { Platform } from '../lambdas/shared/platform';
import { checkSessionsSource } from '../lambdas/shared/sessions-source';
import {
  checkSources,
  datasetsOf,
  isCaptured,
  isDerived,
  isExported,
  type DatabaseSource,
  type Source,
} from '../lambdas/shared/source';
import { checkCapture } from './capture-declarations';
import { readContracts } from './contracts';
import { readEndpoints } from './endpoints';

export interface DeclarationsProps {
  readonly environment: Environment;
  readonly sources: readonly Source[];
  /** The folder with `contracts/` and `dbt/models/`. @default - the repo */
  readonly root?: string;
}

/**
 * Everything that is declared, read and checked: contracts, sources, and the endpoints of dbt's models.
 * @throws Error in one line when a declaration is wrong, or two of them do not fit.
 */
export function readDeclarations(props: DeclarationsProps): Platform {
  const root = props.root ?? join(__dirname, '..');
  const contracts = readContracts(root);
  const sources = checkSources(
    withoutCapture(props.sources, props.environment),
    contracts.map((contract) => contract.dataset),
  );
  checkDatabases(sources, props.environment);
  checkApis(sources, props.environment);
  checkClusters(sources, props.environment);
  checkFields(sources, contracts);
  for (const source of sources.filter((one) => one.kind === 'event_export')) {
    placesOf(source, contracts);
  }
  checkKeys(sources, contracts);
  checkDerived(sources, contracts);
  const endpoints = readEndpoints(root, contracts);
  return { environment: props.environment.name, contracts, sources, endpoints };
}

/**
 * The sources as this environment has them.
 * @throws Error when it leaves out what no source captures, or the only way by which a source's tables come.
 */
function withoutCapture(sources: readonly Source[], environment: Environment): Source[] {
  const captured = sources.filter(isCaptured);
  const allowed = captured.filter(isExported).map(({ name }) => name);
  const wrong = environment.withoutCapture.find((name) => !allowed.includes(name));
  if (wrong !== undefined) {
    const only = captured.find(({ name }) => name === wrong);
    const why = only ? `, whose tables come by capture only (engine is ${JSON.stringify(only.engine)})` : '';
    throw new Error(
      `config/${environment.name}.ts: withoutCapture has ${JSON.stringify(wrong)}${why}: allowed are sources with ` +
        `capture whose tables come by export too (${allowed.join(', ') || 'there is none'}). Remove it.`,
    );
  }
  return sources.map((source) =>
    isCaptured(source) && environment.withoutCapture.includes(source.name) ? { ...source, capture: undefined } : source,
  );
}

/** @throws Error when a database source has no database in this environment, one has no source, or it can't be exported. */
function checkDatabases(sources: readonly Source[], environment: Environment): void {
  const declared = sources.filter((source) => source.kind === 'database');
  const names = declared.map((source) => source.name);
  const file = `config/${environment.name}.ts`;
  for (const source of declared) {
    if (!environment.databases[source.name]) {
      throw new Error(
        `${file}: databases has no ${source.name}: name the RDS instance or the Aurora cluster behind sources/${source.name}.ts`,
      );
    }
    checkNames(source);
    const database = environment.databases[source.name];
    const leftOut = environment.withoutCapture.includes(source.name);
    checkCapture(source, leftOut ? { ...database, capture: undefined } : database, file);
  }
  for (const name of Object.keys(environment.databases)) {
    if (!names.includes(name)) {
      throw new Error(
        `${file}: databases.${name} belongs to no source: there are ${names.join(', ') || 'no database sources'}. Remove it or declare sources/${name}.ts`,
      );
    }
  }
}

/** @throws Error when a REST source has no URL in this environment, or a URL no source. */
function checkApis(sources: readonly Source[], environment: Environment): void {
  const names = sources.filter((source) => source.kind === 'rest').map((source) => source.name);
  const file = `config/${environment.name}.ts`;
  const missing = names.find((name) => !(name in environment.apis));
  if (missing) throw new Error(`${file}: apis has no ${missing}: name the URL of the API behind sources/${missing}.ts`);
  const extra = Object.keys(environment.apis).find((name) => !names.includes(name));
  if (extra) {
    throw new Error(
      `${file}: apis.${extra} belongs to no source: there are ${names.join(', ') || 'no REST sources'}. Remove it or declare sources/${extra}.ts`,
    );
  }
}

/** @throws Error when a Kafka source has no cluster in this environment, or a cluster no source. */
function checkClusters(sources: readonly Source[], environment: Environment): void {
  const names = sources.filter((source) => source.kind === 'kafka').map((source) => source.name);
  const file = `config/${environment.name}.ts`;
  const missing = names.find((name) => !(name in environment.kafka));
  if (missing) {
    throw new Error(
      `${file}: kafka has no ${missing}: name the cluster behind sources/${missing}.ts, serverless: {} or bootstrapServers`,
    );
  }
  const extra = Object.keys(environment.kafka).find((name) => !names.includes(name));
  if (extra) {
    throw new Error(
      `${file}: kafka.${extra} belongs to no source: there are ${names.join(', ') || 'no Kafka sources'}. Remove it or declare sources/${extra}.ts`,
    );
  }
}

/**
 * @throws Error when a dataset without a key comes by a way that can't tell a row that came twice from two equal rows.
 * What DMS loads of MySQL and SQL Server has one place in the order for all rows.
 */
function checkKeys(sources: readonly Source[], contracts: readonly Contract[]): void {
  const keyless = contracts.filter(isKeyless).map(({ dataset }) => dataset);
  for (const source of sources) {
    const dataset = datasetsOf(source).find((each) => keyless.includes(each));
    if (dataset === undefined || (source.kind === 'database' && source.engine === 'postgres')) continue;
    const of = source.kind === 'database' ? `engine is ${JSON.stringify(source.engine)}` : `kind is ${source.kind}`;
    throw new Error(
      `contracts/${dataset}.odcs.yaml: no column has primaryKey: true; mark the column(s) that identify a row: only tables ` +
        `of PostgreSQL may have no key, for of source ${source.name} (${of}) a row that comes twice looks like two equal rows`,
    );
  }
}

/** @throws Error when a resource of an API fills a column that its contract lacks: nothing would ever arrive in it. */
function checkFields(sources: readonly Source[], contracts: readonly Contract[]): void {
  for (const source of sources.filter((one) => one.kind === 'rest')) {
    for (const { dataset, fields } of source.resources) {
      const columns = contracts.find((one) => one.dataset === dataset)?.columns.map(({ name }) => name) ?? [];
      const wrong = Object.keys(fields ?? {}).find((name) => !columns.includes(name));
      if (wrong !== undefined) {
        throw new Error(
          `sources/${source.name}.ts: ${dataset}: fields has ${JSON.stringify(wrong)}, which is no column of contracts/${dataset}.odcs.yaml: there are ${columns.join(', ')}`,
        );
      }
    }
  }
}

/** @throws Error when sessions don't fit the contracts, or are derived from sessions. */
function checkDerived(sources: readonly Source[], contracts: readonly Contract[]): void {
  const derived = sources.filter(isDerived);
  for (const source of derived) {
    checkSessionsSource(source, contracts);
    if (derived.some(({ dataset }) => dataset === source.events)) {
      throw new Error(
        `sources/${source.name}.ts: events is ${JSON.stringify(source.events)}, which is derived itself: name a dataset that a source brings`,
      );
    }
  }
}

/**
 * RDS exports chosen tables only where all names are plain, and DMS takes `%` and `_` in names for any text.
 * @see https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ExportSnapshot.Considerations.html
 */
function checkNames(source: DatabaseSource): void {
  const { name, database, schema } = source;
  for (const [field, value] of Object.entries({ database, schema })) {
    if (!/^[A-Za-z0-9_$]+$/.test(value)) {
      const why = isExported(source) ? 'RDS exports chosen tables only where names have' : 'allowed are names with';
      throw new Error(
        `sources/${name}.ts: ${field} is ${JSON.stringify(value)}: ${why} letters, digits, $ and _; use one of such a name`,
      );
    }
  }
}
