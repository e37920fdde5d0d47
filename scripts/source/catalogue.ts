import type { ClientBase } from 'pg';

/** A column as the database's catalogue tells of it. */
export interface CatalogueColumn {
  readonly name: string;
  /** As PostgreSQL prints it, for example `numeric(12,2)`; of a domain, the type below it. */
  readonly type: string;
  readonly required: boolean;
  readonly comment: string;
  /** The labels of an enum, in its order. */
  readonly labels: readonly string[];
}

/** A table as the database's catalogue tells of it. */
export interface CatalogueTable {
  readonly name: string;
  readonly kind: 'table' | 'partitioned' | 'unlogged';
  readonly comment: string;
  readonly bytes: number;
  readonly columns: readonly CatalogueColumn[];
  /** Columns of the primary key, in the key's order; none without one. */
  readonly key: readonly string[];
  /** Check constraints that all rows keep, each of one column, as PostgreSQL prints them. */
  readonly checks: readonly { readonly column: string; readonly definition: string }[];
}

/** Partitions are reached through the table that they are part of. */
const TABLES = `
select c.oid, c.relname as name, coalesce(obj_description(c.oid, 'pg_class'), '') as comment,
  pg_table_size(c.oid)::float8 as bytes,
  case when c.relkind = 'p' then 'partitioned' when c.relpersistence = 'u' then 'unlogged' else 'table' end as kind,
  coalesce((
    select json_agg(a.attname order by place)
    from pg_constraint k cross join lateral unnest(k.conkey) with ordinality of_key (number, place)
    join pg_attribute a on a.attrelid = c.oid and a.attnum = of_key.number
    where k.conrelid = c.oid and k.contype = 'p'
  ), '[]') as key,
  coalesce((
    select json_agg(json_build_object('column', a.attname, 'definition', pg_get_constraintdef(k.oid)) order by k.oid)
    from pg_constraint k join pg_attribute a on a.attrelid = c.oid and a.attnum = k.conkey[1]
    where k.conrelid = c.oid and k.contype = 'c' and k.convalidated and cardinality(k.conkey) = 1
  ), '[]') as checks
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = $1 and c.relkind in ('r', 'p') and not c.relispartition
order by c.relname`;

/** A domain may be made of another: its type is the last one's, its length the first that one of them has. */
const COLUMNS = `
with recursive domains as (
  select oid as domain, typbasetype as type, typtypmod as modifier, typnotnull as required
  from pg_type where typtype = 'd'
  union all
  select d.domain, t.typbasetype, case when d.modifier = -1 then t.typtypmod else d.modifier end, d.required or t.typnotnull
  from domains d join pg_type t on t.oid = d.type where t.typtype = 'd'
)
select a.attrelid as oid, a.attname as name,
  format_type(t.oid, coalesce(d.modifier, a.atttypmod)) as type,
  a.attnotnull or coalesce(d.required, false) as required,
  coalesce(col_description(a.attrelid, a.attnum), '') as comment,
  coalesce((select json_agg(enumlabel order by enumsortorder) from pg_enum where enumtypid = t.oid), '[]') as labels
from pg_attribute a
left join domains d on d.domain = a.atttypid and not exists (select from pg_type where oid = d.type and typtype = 'd')
join pg_type t on t.oid = coalesce(d.type, a.atttypid)
where a.attrelid = any($1) and a.attnum > 0 and not a.attisdropped
order by a.attrelid, a.attnum`;

/** The tables of a schema, in order of their names. Reads only the catalogue, so no right on the tables is needed. */
export async function readCatalogue(client: ClientBase, schema: string): Promise<CatalogueTable[]> {
  const tables = await client.query<{ oid: number } & Omit<CatalogueTable, 'columns'>>(TABLES, [schema]);
  const columns = await client.query<{ oid: number } & CatalogueColumn>(COLUMNS, [tables.rows.map(({ oid }) => oid)]);
  return tables.rows.map(({ oid, ...table }) => ({
    ...table,
    columns: columns.rows
      .filter((column) => column.oid === oid)
      .map(({ name, type, required, comment, labels }) => ({ name, type, required, comment, labels })),
  }));
}
