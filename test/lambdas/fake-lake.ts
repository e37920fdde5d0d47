import {
  GlueClient,
  type CreateTableCommandInput,
  type IcebergSchema,
  type UpdateTableCommandInput,
} from '@aws-sdk/client-glue';
import { S3Client } from '@aws-sdk/client-s3';
import { awsError, body, fake, noSleep } from './fakes';

interface Metadata {
  location: string;
  'last-column-id': number;
  'current-schema-id': number;
  schemas: {
    'schema-id': number;
    fields: { id: number; name: string; type: unknown; required: boolean; doc?: string }[];
  }[];
  'default-spec-id': number;
  'partition-specs': { 'spec-id': number; fields: unknown[] }[];
  properties: Record<string, string>;
}

/** Glue's Iceberg tables in memory: metadata files on a fake S3, as the specification writes them. */
export function fakeLake(databases: readonly string[]) {
  const tables = new Map<string, Metadata>();
  const name = (input: { DatabaseName?: string; Name?: string }) => `${input.DatabaseName ?? ''}.${input.Name ?? ''}`;

  const glue = fake(new GlueClient({ region: 'us-east-1' }), {
    GetTable: (input: { DatabaseName: string; Name: string }) => {
      if (!tables.has(name(input))) throw awsError('EntityNotFoundException');
      return { Table: { Name: input.Name, Parameters: { metadata_location: `s3://lake/${name(input)}.json` } } };
    },
    CreateTable: (input: CreateTableCommandInput) => {
      if (!databases.includes(input.DatabaseName ?? '')) throw awsError('EntityNotFoundException');
      if (tables.has(name(input))) throw awsError('AlreadyExistsException');
      const given = input.OpenTableFormatInput?.IcebergInput?.CreateIcebergTableInput;
      if (!given?.Schema) throw awsError('InvalidInputException');
      tables.set(name(input), {
        location: given.Location ?? '',
        'last-column-id': lastId(given.Schema),
        'current-schema-id': 0,
        schemas: [schema(given.Schema, 0)],
        'default-spec-id': 0,
        'partition-specs': [
          {
            'spec-id': 0,
            fields: (given.PartitionSpec?.Fields ?? []).map((f) => ({
              'source-id': f.SourceId,
              'field-id': f.FieldId,
              name: f.Name,
              transform: f.Transform,
            })),
          },
        ],
        properties: { ...given.Properties },
      });
      return {};
    },
    UpdateTable: (input: UpdateTableCommandInput) => {
      const table = tables.get(name(input));
      const update = input.UpdateOpenTableFormatInput?.UpdateIcebergInput?.UpdateIcebergTableInput?.Updates?.[0];
      if (!table || !update?.Schema || !update.Location) throw awsError('InvalidInputException');
      const id = table.schemas.length;
      table.schemas.push(schema(update.Schema, id));
      table['current-schema-id'] = id;
      table['last-column-id'] = Math.max(table['last-column-id'], lastId(update.Schema));
      table.properties = { ...table.properties, ...update.Properties };
      return {};
    },
  });
  const s3 = fake(new S3Client({ region: 'us-east-1' }), {
    GetObject: (input: { Key: string }) => body(JSON.stringify(tables.get(input.Key.replace('.json', '')))),
  });
  return { glue, s3, sleep: noSleep, tables };
}

const schema = (given: IcebergSchema, id: number) => ({
  'schema-id': id,
  fields: (given.Fields ?? []).map((f) => ({
    id: f.Id ?? -1,
    name: f.Name ?? '',
    type: f.Type,
    required: f.Required ?? false,
    ...(f.Doc !== undefined && { doc: f.Doc }),
  })),
});

/** Highest id in a schema, those within a map included. */
function lastId(given: IcebergSchema): number {
  const ids = (given.Fields ?? []).flatMap((f) => {
    const nested = f.Type as { 'key-id'?: number; 'value-id'?: number } | string;
    return typeof nested === 'string' ? [f.Id ?? 0] : [f.Id ?? 0, nested['key-id'] ?? 0, nested['value-id'] ?? 0];
  });
  return Math.max(...ids);
}
