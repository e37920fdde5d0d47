import { CreateTableCommand, GetTableCommand, UpdateTableCommand, type GlueClient } from '@aws-sdk/client-glue';
import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { databaseName } from '../shared/platform';
import { backOff, type Sleep } from '../shared/retry';
import type { TableDeclaration } from '../shared/tables';
import { properties } from './history';
import { parseMetadata, typeJson, type TableField, type TableState } from './iceberg';
import { newFields, plan, type Plan } from './plan';

/** What migrations work on. */
export interface Lake {
  readonly glue: GlueClient;
  readonly s3: S3Client;
  readonly sleep: Sleep;
  readonly environment: string;
  /** Bucket of the lake tables: `s3://<bucket>/<database>/<table>`. */
  readonly bucket: string;
}

const ATTEMPTS = 6;

/** The table's full name, for messages. */
export const nameOf = (lake: Lake, table: TableDeclaration): string =>
  `${databaseName(lake.environment, table.layer)}.${table.name}`;

/**
 * The table as its current metadata file describes it; undefined when there is none.
 * Glue's own columns know no ids and no partition spec, and may be stale.
 * @throws Error when a table of that name is no Iceberg table.
 */
export async function readTable(lake: Lake, table: TableDeclaration): Promise<TableState | undefined> {
  const where = nameOf(lake, table);
  const found = await lake.glue
    .send(new GetTableCommand({ DatabaseName: databaseName(lake.environment, table.layer), Name: table.name }))
    .catch(unless('EntityNotFoundException'));
  if (!found) return undefined;
  const location = found.Table?.Parameters?.metadata_location;
  const [, Bucket, Key] = /^s3[an]?:\/\/([^/]+)\/(.+)$/.exec(location ?? '') ?? [];
  if (!Bucket) {
    throw new Error(
      `${where}: its metadata_location is ${JSON.stringify(location)}; remove or rename what is no Iceberg table`,
    );
  }
  const object = await lake.s3.send(new GetObjectCommand({ Bucket, Key }));
  return parseMetadata(where, (await object.Body?.transformToString()) ?? '');
}

/**
 * Brings one table to its declaration and returns the first plan that was carried out.
 * Success is what the table's metadata says afterwards, not what a call answered.
 * @throws Error when it is refused, or the table still differs after several attempts.
 */
export async function migrate(lake: Lake, table: TableDeclaration): Promise<Plan> {
  let done: Plan | undefined;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const state = await readTable(lake, table);
    const next = plan(table, state);
    if (next.action === 'none') return done ?? next;
    if (next.action === 'refuse') throw new Error(refusal(nameOf(lake, table), next.reasons));
    if (attempt > 1) await lake.sleep(backOff(attempt - 1, 200));
    if (next.action === 'create') await create(lake, table);
    else await update(lake, table, next.after);
    done ??= next;
  }
  throw new Error(
    `${nameOf(lake, table)}: Glue took ${ATTEMPTS} changes, and the table still differs from its contract`,
  );
}

/** The line that a refused change leaves: which tables, what is wrong, what is allowed, what to do. */
export const refusal = (where: string, reasons: readonly string[]): string =>
  reasons.map((reason) => `${where}: ${reason}.`).join(' ');

/** A table that appeared in the meantime is no error: it is read and planned again. */
async function create(lake: Lake, table: TableDeclaration): Promise<void> {
  const DatabaseName = databaseName(lake.environment, table.layer);
  const fields = newFields(table.columns, 0);
  const command = new CreateTableCommand({
    DatabaseName,
    Name: table.name,
    OpenTableFormatInput: {
      IcebergInput: {
        MetadataOperation: 'CREATE',
        Version: '2',
        CreateIcebergTableInput: {
          Location: `s3://${lake.bucket}/${DatabaseName}/${table.name}`,
          Schema: { SchemaId: 0, Type: 'struct', Fields: fields.map(schemaField) },
          PartitionSpec: { SpecId: 0, Fields: [partitionField(table, fields)] },
          Properties: properties(table),
        },
      },
    },
  });
  await lake.glue.send(command).catch((error: unknown) => {
    if (isNamed(error, 'EntityNotFoundException')) {
      throw new Error(
        `Glue database ${DatabaseName} does not exist; deploy the Foundation stack of ${lake.environment} first`,
      );
    }
    if (!isNamed(error, 'AlreadyExistsException')) throw error;
  });
}

/**
 * Sends the whole new state in one update, spec and all properties included, so that it means the same whether
 * Glue merges or replaces. Commits of data in between do not matter: they change no schema.
 * @see https://docs.aws.amazon.com/glue/latest/webapi/API_IcebergTableUpdate.html
 */
async function update(lake: Lake, table: TableDeclaration, state: TableState): Promise<void> {
  const command = new UpdateTableCommand({
    DatabaseName: databaseName(lake.environment, table.layer),
    Name: table.name,
    UpdateOpenTableFormatInput: {
      UpdateIcebergInput: {
        UpdateIcebergTableInput: {
          Updates: [
            {
              Location: state.location,
              Schema: { SchemaId: state.schemaId, Type: 'struct', Fields: state.fields.map(schemaField) },
              PartitionSpec: {
                SpecId: state.specId,
                Fields: state.partition.map((p) => ({
                  SourceId: p.sourceId,
                  FieldId: p.fieldId,
                  Name: p.name,
                  Transform: p.transform,
                })),
              },
              Properties: { ...state.properties },
            },
          ],
        },
      },
    },
  });
  await lake.glue.send(command).catch(unless('ConcurrentModificationException'));
}

const schemaField = (field: TableField) => ({
  Id: field.id,
  Name: field.name,
  Type: typeJson(field),
  Required: field.required,
  ...(field.doc && { Doc: field.doc }),
});

/** Named as Spark names them: `<column>_bucket`, `<column>_day`. */
function partitionField(table: TableDeclaration, fields: readonly TableField[]) {
  const { column, transform } = table.partition;
  const source = fields.find((field) => field.name === column);
  if (!source) throw new Error(`${table.name}: is partitioned by ${column}, which is none of its columns`);
  return {
    SourceId: source.id,
    FieldId: 1000,
    Transform: transform,
    Name: `${column}_${transform.replace(/\[.*/, '')}`,
  };
}

const isNamed = (error: unknown, ...names: string[]): boolean => error instanceof Error && names.includes(error.name);

/** Lets the named errors pass as undefined and throws any other. */
const unless =
  (...names: string[]) =>
  (error: unknown): undefined => {
    if (!isNamed(error, ...names)) throw error;
  };
