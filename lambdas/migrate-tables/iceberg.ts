import { z } from 'zod';
import type { IcebergType } from '../shared/tables';

/** A column of a table as its metadata describes it. The id is what data files know it by. */
export interface TableField {
  readonly id: number;
  readonly name: string;
  readonly type: IcebergType;
  readonly required: boolean;
  readonly doc: string;
  /** Ids of what is nested in the type: a map's key and value. */
  readonly nested: readonly number[];
}

/** One field of a table's partition spec. */
export interface PartitionField {
  readonly sourceId: number;
  readonly fieldId: number;
  readonly name: string;
  readonly transform: string;
}

/** A table as it is. */
export interface TableState {
  readonly location: string;
  readonly schemaId: number;
  /** Highest id ever given: ids are never given twice. */
  readonly lastColumnId: number;
  readonly fields: readonly TableField[];
  readonly specId: number;
  readonly partition: readonly PartitionField[];
  readonly properties: Readonly<Record<string, string>>;
}

const field = z.object({
  id: z.int(),
  name: z.string(),
  type: z.unknown(),
  required: z.boolean(),
  doc: z.string().default(''),
});

const metadata = z.object({
  location: z.string(),
  'last-column-id': z.int(),
  'current-schema-id': z.int(),
  schemas: z.array(z.object({ 'schema-id': z.int(), fields: z.array(field) })),
  'default-spec-id': z.int(),
  'partition-specs': z.array(
    z.object({
      'spec-id': z.int(),
      fields: z.array(z.object({ 'source-id': z.int(), 'field-id': z.int(), name: z.string(), transform: z.string() })),
    }),
  ),
  properties: z.record(z.string(), z.string()).default({}),
});

const map = z.object({
  type: z.literal('map'),
  'key-id': z.int(),
  key: z.string(),
  'value-id': z.int(),
  value: z.string(),
});

/**
 * Reads a table's state out of its metadata JSON.
 * @throws Error when the text is no Iceberg v2 table metadata.
 * @see https://iceberg.apache.org/spec/#table-metadata-fields
 */
export function parseMetadata(where: string, text: string): TableState {
  const parsed = metadata.safeParse(JSON.parse(text));
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new Error(`${where}: no Iceberg v2 table metadata: ${issue.path.join('.')}: ${issue.message}`);
  }
  const table = parsed.data;
  const schema = table.schemas.find((s) => s['schema-id'] === table['current-schema-id']);
  const spec = table['partition-specs'].find((s) => s['spec-id'] === table['default-spec-id']);
  if (!schema || !spec) throw new Error(`${where}: the current schema or partition spec is not in the metadata`);
  return {
    location: table.location,
    schemaId: table['current-schema-id'],
    lastColumnId: table['last-column-id'],
    fields: schema.fields.map(({ type, ...rest }) => ({ ...rest, ...typeOf(type) })),
    specId: table['default-spec-id'],
    partition: spec.fields.map((f) => ({
      sourceId: f['source-id'],
      fieldId: f['field-id'],
      name: f.name,
      transform: f.transform,
    })),
    properties: table.properties,
  };
}

function typeOf(type: unknown): { type: IcebergType; nested: number[] } {
  if (typeof type === 'string') return { type: type.replaceAll(' ', ''), nested: [] };
  const nested = map.safeParse(type);
  if (!nested.success) return { type: JSON.stringify(type), nested: [] };
  return {
    type: `map<${nested.data.key},${nested.data.value}>`,
    nested: [nested.data['key-id'], nested.data['value-id']],
  };
}

/** A field's type in Iceberg's JSON: a name, or an object for a map. */
export function typeJson({ type, nested }: Pick<TableField, 'type' | 'nested'>) {
  const match = /^map<(\w+),(\w+)>$/.exec(type);
  if (!match) return type;
  return {
    type: 'map',
    'key-id': nested[0],
    key: match[1],
    'value-id': nested[1],
    value: match[2],
    'value-required': false,
  };
}

/** How many ids the inside of a type takes. */
export const nestedIds = (type: IcebergType): number => (type.startsWith('map<') ? 2 : 0);
