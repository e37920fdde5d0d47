import {
  DescribeStatementCommand,
  ExecuteStatementCommand,
  GetStatementResultCommand,
  type Field,
  type RedshiftDataClient,
  type SqlParameter,
} from '@aws-sdk/client-redshift-data';
import { backOff, sleep, type Sleep } from './retry';

/** One cell of a result. `bigint` and `decimal` columns must be cast to text in SQL, or they lose digits on the way. */
export type Cell = string | number | boolean | null;

/** A row of a result, by column name. */
export type Row = Readonly<Record<string, Cell>>;

/** Where statements run. */
export interface Warehouse {
  readonly client: RedshiftDataClient;
  /** Redshift Serverless workgroup. */
  readonly workgroup: string;
  readonly database: string;
  /** Secret with the user to run as. Left out, the caller's own role logs in, as user `IAMR:<role>`. */
  readonly secretArn?: string;
  /** How long one statement may take, in milliseconds. Default 14 minutes, within a Lambda's longest run. */
  readonly timeout?: number;
  readonly sleep?: Sleep;
}

/** The warehouse that a handler's variables name. */
export const warehouseOf = (
  config: { readonly WORKGROUP: string; readonly DATABASE: string; readonly SECRET_ARN?: string },
  deps: { readonly redshift: RedshiftDataClient; readonly sleep?: Sleep },
): Warehouse => ({
  client: deps.redshift,
  workgroup: config.WORKGROUP,
  database: config.DATABASE,
  secretArn: config.SECRET_ARN,
  sleep: deps.sleep,
});

/**
 * Runs one SQL statement through the Redshift Data API and returns its rows.
 * A repeated request is not run twice: the SDK gives each call a ClientToken and repeats it when it retries.
 * @throws Error with the statement's beginning and Redshift's own message when it fails, is aborted or takes too long.
 * @see https://docs.aws.amazon.com/redshift/latest/mgmt/data-api-calling.html
 */
export async function runStatement(
  warehouse: Warehouse,
  sql: string,
  parameters: Readonly<Record<string, string>> = {},
): Promise<Row[]> {
  const { client, workgroup, database, secretArn } = warehouse;
  const values: SqlParameter[] = Object.entries(parameters).map(([name, value]) => ({ name, value }));
  const { Id } = await client.send(
    new ExecuteStatementCommand({
      WorkgroupName: workgroup,
      Database: database,
      ...(secretArn && { SecretArn: secretArn }),
      Sql: sql,
      ...(values.length > 0 && { Parameters: values }),
    }),
  );
  if (!Id) throw new Error(`Redshift took no statement: ${head(sql)}`);
  return (await finished(warehouse, Id, sql)) ? rowsOf(client, Id) : [];
}

/** Polls until the statement ends; says whether it has a result. */
async function finished(warehouse: Warehouse, Id: string, sql: string): Promise<boolean> {
  const wait = warehouse.sleep ?? sleep;
  let left = warehouse.timeout ?? 14 * 60_000;
  for (let attempt = 1; ; attempt++) {
    const state = await warehouse.client.send(new DescribeStatementCommand({ Id }));
    if (state.Status === 'FINISHED') return state.HasResultSet ?? false;
    if (state.Status === 'FAILED' || state.Status === 'ABORTED') {
      throw new Error(`Redshift: ${state.Error ?? state.Status} in statement ${Id}: ${head(sql)}`);
    }
    if (left <= 0) throw new Error(`Redshift: statement ${Id} is still ${state.Status ?? 'unknown'}: ${head(sql)}`);
    const pause = backOff(attempt, 50, 2_000);
    left -= pause;
    await wait(pause);
  }
}

async function rowsOf(client: RedshiftDataClient, Id: string): Promise<Row[]> {
  const rows: Row[] = [];
  let NextToken: string | undefined;
  do {
    const page = await client.send(new GetStatementResultCommand({ Id, NextToken }));
    const names = (page.ColumnMetadata ?? []).map((column) => column.name ?? '');
    for (const record of page.Records ?? []) {
      rows.push(Object.fromEntries(record.map((field, i) => [names[i], cell(field)])));
    }
    NextToken = page.NextToken;
  } while (NextToken);
  return rows;
}

function cell(field: Field): Cell {
  if (field.isNull) return null;
  return field.stringValue ?? field.longValue ?? field.doubleValue ?? field.booleanValue ?? null;
}

const head = (sql: string): string => sql.replace(/\s+/g, ' ').slice(0, 120);

/** A name as SQL quotes it. */
export const identifier = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** A text as SQL quotes it. */
export const literal = (value: string): string => `'${value.replaceAll("'", "''")}'`;
