import { stringify } from 'yaml';
import type { CatalogueColumn, CatalogueTable } from './catalogue';
import { typeOf, valuesOf, type Mapped } from './types';

/** A table that the platform can take, as its contract: the file's text, and what is worth saying. */
export interface Written {
  readonly text: string;
  /** What somebody has to know of a column: the remark, and the column as `table.column`, or the table. */
  readonly remarks: readonly { readonly remark: string; readonly column: string }[];
}

/** Buckets of silver that a contract without a word of it gets, and the size that each is meant for. */
const BUCKETS = 16;
const BYTES_OF_A_BUCKET = 100 * 1024 * 1024;

/** The platform's own names start with `_`; RDS exports plain names only, and dbt splits a view's name at `__`. */
const NAME = /^[a-z][a-z0-9_]*$/;

/**
 * Why the platform can't take a table, in a line that says what to do.
 * @returns undefined when it can
 */
export function unfit(table: CatalogueTable, source: string): string | undefined {
  const { name, kind, columns, key } = table;
  if (!NAME.test(name)) return `table ${JSON.stringify(name)}: ${naming}; rename it`;
  if (`stg_${source}__${name}`.length > 63) {
    return `table ${name}: its view stg_${source}__${name} would have more than the 63 characters that PostgreSQL keeps; choose a shorter --name`;
  }
  if (kind === 'unlogged')
    return `table ${name} is unlogged, and RDS exports no unlogged tables; alter table … set logged`;
  if (kind === 'partitioned') return `table ${name} is partitioned, which the load does not know yet`;
  const misnamed = columns.find((column) => !NAME.test(column.name) || column.name.length > 63);
  if (misnamed) return `table ${name}: column ${JSON.stringify(misnamed.name)}: ${naming}; rename it`;
  if (columns.every((column) => !typeOf(column))) return `table ${name} has no column that a contract can have`;
  if (key.length === 0) return undefined;
  const keyed = key.map((one) => columns.find((column) => column.name === one) as CatalogueColumn);
  const binary = keyed.find((column) => !typeOf(column));
  if (binary)
    return `table ${name}: ${binary.name}, of its key, is ${binary.type}, which no contract has; choose another key`;
  const { physical } = typeOf(keyed[0]) as Mapped;
  if (physical === 'boolean' || physical === 'double') {
    return `table ${name}: ${key[0]}, the first column of its key, is ${keyed[0].type}, which Iceberg can't bucket; put another first`;
  }
  return undefined;
}

const naming = 'a name has lower-case letters, digits and _, and starts with a letter';

/** The contract of a table that is not `unfit` (ODCS v3.1.0). */
export function contractOf(table: CatalogueTable, source: string): Written {
  const { name, comment, columns, key } = table;
  const mapped = columns.map((column) => ({ column, type: typeOf(column) }));
  const remarks = mapped.flatMap(({ column, type }) => {
    const remark = type ? type.remark : `${column.type} is binary, which no contract has: left out of the contract`;
    return remark ? [{ remark, column: `${name}.${column.name}` }] : [];
  });
  if (key.length === 0) {
    remarks.push({
      remark: 'no primary key: equal rows are rows of their own; a stream of its changes needs replica identity full',
      column: name,
    });
  }
  const buckets = Math.min(1024, 2 ** Math.ceil(Math.log2(Math.max(1, table.bytes / BYTES_OF_A_BUCKET))));
  const document = {
    apiVersion: 'v3.1.0',
    kind: 'DataContract',
    id: name,
    name,
    version: '1.0.0',
    status: 'active',
    domain: source,
    dataProduct: source,
    description: { purpose: line(comment) || `Rows of ${name}, as the ${source} database knows them.` },
    team: { name: source },
    schema: [
      {
        name,
        logicalType: 'object',
        physicalType: 'table',
        description:
          key.length > 0
            ? `One row for each ${key.join(', ')}.`
            : 'Rows without a key: equal rows are rows of their own.',
        ...(buckets > BUCKETS && { customProperties: [{ property: 'bucketCount', value: buckets }] }),
        properties: mapped.flatMap(({ column, type }) => (type ? [property(table, column, type)] : [])),
      },
    ],
    slaProperties: [{ property: 'freshness', value: 26, unit: 'h' }],
  };
  return { text: stringify(document, { lineWidth: 0 }), remarks };
}

function property({ key, checks }: CatalogueTable, column: CatalogueColumn, type: Mapped): object {
  const place = key.indexOf(column.name);
  // A contract's values are texts; char(n) comes padded, so that its values would be none of those listed.
  const isText = type.logical === 'string' && !column.type.startsWith('character(');
  const ofColumn = checks.filter((check) => check.column === column.name);
  const listed = ofColumn.flatMap(({ definition }) => valuesOf(definition) ?? []);
  const values = column.labels.length > 0 ? column.labels : isText ? listed : [];
  return {
    name: column.name,
    logicalType: type.logical,
    physicalType: type.physical,
    ...(place >= 0 && { primaryKey: true, primaryKeyPosition: place + 1 }),
    ...((column.required || place >= 0) && { required: true }),
    classification: 'internal',
    ...(column.comment && { description: line(column.comment) }),
    ...(values.length > 0 && {
      quality: [{ type: 'library', metric: 'invalidValues', arguments: { validValues: values }, mustBe: 0 }],
    }),
  };
}

/** A comment as one line that dbt, which takes it over, does not read as Jinja. */
const line = (comment: string): string =>
  comment
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/([{}])(?=[{}%#])|([%#])(?=\})/g, '$1$2 ')
    .trim();
