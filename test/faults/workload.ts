import type { Random } from './random';

/** What most cases change: a table of this shape, by statements that a seed gives again. */

/** Columns of the ordinary table. */
export const THINGS = 'id bigint primary key, n integer, amount numeric(12,2), note text, at timestamptz';

/** Few keys, so that a key is inserted, changed, moved, deleted and inserted again. */
const KEYS = 60;

const NOTES = ["''", 'null', "'x'", "'ü – ß'", "repeat('long ', 700)", `E'a "quoted"\\nline'`];

const values = (random: Random): Record<string, string> => ({
  n: random.chance(0.2) ? 'null' : `${random.whole(-5, 1_000_000)}`,
  amount: random.chance(0.2) ? 'null' : `${random.whole(-99_999, 99_999)}.${random.whole(10, 99)}`,
  note: random.pick(NOTES),
  at: `timestamptz '2026-01-01' + interval '${random.whole(0, 9_999_999)} seconds ${random.whole(0, 999_999)} microseconds'`,
});

function statement(table: string, random: Random): string {
  const id = random.whole(1, KEYS);
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
  const to = random.whole(1, KEYS);
  return `update ${table} set id = ${to} where id = ${id} and not exists (select from ${table} where id = ${to})`;
}

/** Transactions on an ordinary table, each as one text; each inserts a row that no other touches, a few are rolled back. */
export const transactions = (table: string, random: Random, count: number): string[] =>
  Array.from({ length: count }, () => {
    const statements = Array.from({ length: random.whole(1, 6) }, () => statement(table, random));
    const witness = `insert into ${table} (id) values (${random.whole(10_000_000, 999_999_999)})`;
    return `begin; ${[...statements, witness].join('; ')}; ${random.chance(0.1) ? 'rollback' : 'commit'}`;
  });

/** So many new rows of an ordinary table, in one statement. */
export const rows = (table: string, from: number, to: number): string => `
  insert into ${table} select i, i % 1000, (i % 9973) / 100.0, 'row ' || i, timestamptz '2026-01-01' + i * interval '1 second'
  from generate_series(${from}, ${to}) i`;
