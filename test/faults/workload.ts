import type { Random } from './random';
import type { World } from './world';

/** What most cases change: a table of this shape, by statements that a seed gives again. */

/** Columns of the ordinary table. */
export const THINGS = 'id bigint primary key, n integer, amount numeric(12,2), note text, at timestamptz';

/** Few keys, so that a key is inserted, changed, moved, deleted and inserted again. */
const KEYS = 60;

/** Columns of a table without a key, for `copies`. */
export const COPIES = 'n integer, note text, at timestamptz';

const NOTES = ["''", 'null', "'x'", "'ü – ß'", "repeat('long ', 700)", `E'a "quoted"\\nline'`];

const values = (random: Random): Record<string, string> => ({
  n: random.chance(0.2) ? 'null' : `${random.whole(-5, 1_000_000)}`,
  amount: random.chance(0.2) ? 'null' : `${random.whole(-99_999, 99_999)}.${random.whole(10, 99)}`,
  note: random.pick(NOTES),
  at: `timestamptz '2026-01-01' + interval '${random.whole(0, 9_999_999)} seconds ${random.whole(0, 999_999)} microseconds'`,
});

function statement(table: string, random: Random, keys: number): string {
  const id = random.whole(1, keys);
  const row = values(random);
  const kind = random.next();
  if (kind < 0.45) {
    const names = Object.keys(row);
    return `insert into ${table} (id, ${names.join(', ')}) values (${id}, ${names.map((name) => row[name]).join(', ')})
      on conflict (id) do update set ${names.map((name) => `${name} = excluded.${name}`).join(', ')}`;
  }
  if (kind < 0.7) {
    const name = random.pick(Object.keys(row));
    return `update ${table} set ${name} = ${row[name]} where id between ${id} and ${id + random.whole(0, 5)}`;
  }
  if (kind < 0.9) return `delete from ${table} where id between ${id} and ${id + random.whole(0, 2)}`;
  const to = random.whole(1, keys);
  return `update ${table} set id = ${to} where id = ${id} and not exists (select from ${table} where id = ${to})`;
}

/**
 * Transactions on an ordinary table, each as one text; each inserts a row that no other touches, so that a lost one shows;
 * a few are rolled back. @param keys its keys: 1 to so many
 */
export const transactions = (table: string, random: Random, count: number, keys = KEYS): string[] =>
  Array.from({ length: count }, () => {
    const statements = Array.from({ length: random.whole(1, 6) }, () => statement(table, random, keys));
    const witness = `insert into ${table} (id) values (${random.whole(10_000_000, 999_999_999)})`;
    return `begin; ${[...statements, witness].join('; ')}; ${random.chance(0.1) ? 'rollback' : 'commit'}`;
  });

/** Runs so many transactions on an ordinary table. */
export async function stir(world: Pick<World, 'sql' | 'random'>, table: string, count: number): Promise<void> {
  for (const each of transactions(table, world.random, count)) await world.sql(each);
}

/** So many new rows of an ordinary table, in one statement. */
export const rows = (table: string, from: number, to: number): string => `
  insert into ${table} select i, i % 1000, (i % 9973) / 100.0, 'row ' || i, timestamptz '2026-01-01' + i * interval '1 second'
  from generate_series(${from}, ${to}) i`;

/** A transaction on a table without a key: equal rows come, change and go. @param most rows that it has afterwards */
export function copies(table: string, random: Random, most: number): string {
  const some = () => `ctid in (select ctid from ${table} where n = ${random.whole(0, 50)} limit ${random.whole(0, 3)})`;
  const statements = [
    `insert into ${table} select ${random.whole(0, 50)}, ${random.pick(NOTES)}, null from generate_series(1, ${random.whole(1, 3)})`,
    `update ${table} set note = ${random.pick(NOTES)} where ${some()}`,
    `delete from ${table} where ${some()}`,
    `delete from ${table} where ctid in (select ctid from ${table} offset ${most})`,
  ];
  return `begin; ${statements.join('; ')}; ${random.chance(0.1) ? 'rollback' : 'commit'}`;
}
