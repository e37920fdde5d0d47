import type { Case } from '../case';
import type { World } from '../world';
import { THINGS } from '../workload';

/** Changes that are hard by themselves, on a wire that repeats and shuffles them. */

const WIRE = [
  { kind: 'shuffle', service: 'kinesis', action: 'PutRecords' },
  { kind: 'duplicate', service: 'kinesis', action: 'PutRecords', copies: 2 },
] as const;

/** Runs statements one after the other, each its own batch of the wire and, now and then, of the merge. */
async function change(world: World, datasets: readonly string[], statements: readonly string[]): Promise<void> {
  await world.faults(...WIRE);
  for (const each of statements) {
    await world.sql(each);
    if (world.random.chance(0.3)) await world.flush();
    if (world.random.chance(0.1)) await world.settle(...datasets);
  }
  await world.settle(...datasets);
  await world.mend();
}

const LOGICAL = 'https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html';

export const hardRows: readonly Case[] = [
  {
    name: 'one-key-at-one-time',
    tables: { one_key_at_one_time: THINGS },
    what: 'One transaction inserts, updates, deletes and inserts again one key: all with one commit time.',
    promised: {
      text: 'DMS gives changes of a transaction one commit timestamp.',
      source: 'https://docs.aws.amazon.com/dms/latest/userguide/CHAP_Target.Kinesis.html',
    },
    answer: 'Positions are places in the log, not times: the last statement wins.',
    run: (world) =>
      change(
        world,
        ['one_key_at_one_time'],
        [
          ...Array.from({ length: 12 }, (_, id) => {
            const insert = `insert into one_key_at_one_time (id, n) values (${id}, ${world.random.whole(1, 9)})`;
            const update = `update one_key_at_one_time set n = ${world.random.whole(10, 99)}, note = 'u' where id = ${id}`;
            const remove = `delete from one_key_at_one_time where id = ${id}`;
            const ends = world.random.pick([[], [insert], [insert, update]]);
            return `begin; ${[insert, update, remove, insert, update, remove, ...ends].join('; ')}; commit`;
          }),
          `begin; update one_key_at_one_time set n = 1; delete from one_key_at_one_time where n = 1; commit`,
          `insert into one_key_at_one_time (id, n) values (3, 3), (4, 4)`,
        ],
      ),
  },
  {
    name: 'keys-moved-and-swapped',
    tables: {
      keys_moved: THINGS,
      keys_swapped: 'id bigint not null, n integer, note text, constraint keys_swapped_key primary key (id) deferrable',
    },
    what: 'Rows get other keys, one after the other and in a ring, and swap them within a transaction.',
    promised: {
      text: 'An update that changes the key is one message, with the old key beside the new row.',
      source: LOGICAL,
    },
    answer: 'A moved row is a delete of its old key and an upsert of its new one; a transaction that swaps is netted.',
    async run(world) {
      const ids = world.random.shuffle([1, 2, 3, 4, 5, 6, 7, 8]);
      await change(
        world,
        ['keys_moved', 'keys_swapped'],
        [
          `insert into keys_moved (id, n) select i, i from generate_series(1, 8) i`,
          `insert into keys_swapped (id, n) select i, i from generate_series(1, 8) i`,
          ...ids.map((id) => `update keys_moved set id = id + 100, n = n + 1 where id = ${id}`),
          `begin; set constraints all deferred; update keys_swapped set id = case id when ${ids[0]} then ${ids[1]}
          else ${ids[0]} end where id in (${ids[0]}, ${ids[1]}); commit`,
          `begin; set constraints all deferred; update keys_swapped set id = id % 8 + 1, note = 'ring'; commit`,
          `begin; insert into keys_moved (id) values (500); update keys_moved set id = 501 where id = 500;
          delete from keys_moved where id = 501; commit`,
          `update keys_moved set id = id - 100 where id > 104`,
        ],
      );
    },
  },
  {
    name: 'unchanged-long-values',
    tables: { unchanged_long_values: THINGS },
    what: 'Rows with values that PostgreSQL stores out of line are updated in their other columns.',
    promised: { text: 'An unchanged TOASTed value is not sent.', source: LOGICAL },
    answer: 'A column that a change does not carry is named in _missing, and keeps its own position and value.',
    run: (world) =>
      change(
        world,
        ['unchanged_long_values'],
        [
          'alter table unchanged_long_values alter note set storage external',
          `insert into unchanged_long_values (id, n, note) select i, i, repeat(md5(i::text), 200) from generate_series(1, 9) i`,
          'update unchanged_long_values set n = n + 1 where id <= 6',
          `update unchanged_long_values set note = repeat('new ', 1500), n = 0 where id = ${world.random.whole(1, 9)}`,
          'update unchanged_long_values set n = n + 1',
          `update unchanged_long_values set note = null where id = ${world.random.whole(1, 9)}`,
        ],
      ),
  },
  {
    name: 'insert-and-partial-update',
    tables: { insert_and_partial_update: THINGS },
    what: 'A row is inserted and updated in part within one batch; the update may come before its insert.',
    promised: { text: 'An unchanged TOASTed value is not sent.', source: LOGICAL },
    answer: 'Columns are folded one by one: the update adds to the insert whichever comes first.',
    run: (world) =>
      change(
        world,
        ['insert_and_partial_update'],
        [
          'alter table insert_and_partial_update alter note set storage external',
          ...Array.from(
            { length: 10 },
            (_, id) => `insert into insert_and_partial_update (id, note) values (${id}, repeat('v${id}', 3000));
            update insert_and_partial_update set n = ${world.random.whole(1, 99)} where id = ${id}`,
          ),
        ],
      ),
  },
  {
    name: 'truncated-with-its-children',
    tables: {
      truncated_parents: 'id bigint primary key, note text',
      truncated_children: 'id bigint primary key, parent bigint references truncated_parents, note text',
    },
    what: 'TRUNCATE … CASCADE empties a table and those that refer to it; rows come before it and after it.',
    promised: {
      text: 'A truncate is one message with all of its tables; DMS tells it as a control record, or not at all.',
      source: LOGICAL,
    },
    answer: 'It raises the truncate floor of each table; where it is not told, the next snapshot deletes the rows.',
    run: (world) =>
      change(
        world,
        ['truncated_parents', 'truncated_children'],
        [
          `insert into truncated_parents select i, 'p' from generate_series(1, 9) i`,
          `insert into truncated_children select i, 1 + i % 9, 'c' from generate_series(1, 20) i`,
          'truncate truncated_parents cascade',
          `insert into truncated_parents select i, 'again' from generate_series(5, 12) i`,
          `begin; insert into truncated_children values (1, 5, 'x'); truncate truncated_children;
          insert into truncated_children values (2, 6, 'after'); commit`,
        ],
      ),
  },
  {
    name: 'equal-rows-without-a-key',
    tables: { equal_rows_without_a_key: 'n integer, note text, at timestamptz' },
    what: 'A table without a key has equal rows, of which some are inserted, updated and deleted.',
    promised: { text: 'With replica identity full a change carries the whole row that was.', source: LOGICAL },
    answer: 'The key is a hash of the row and its occurrence; the merge counts insertions and deletions of each.',
    run: (world) =>
      change(
        world,
        ['equal_rows_without_a_key'],
        [
          `insert into equal_rows_without_a_key select i % 3, 'same' from generate_series(1, 12) i`,
          `delete from equal_rows_without_a_key where ctid in
          (select ctid from equal_rows_without_a_key where n = ${world.random.whole(0, 2)} limit 2)`,
          `update equal_rows_without_a_key set note = 'other' where ctid in
          (select ctid from equal_rows_without_a_key where n = 1 limit ${world.random.whole(1, 3)})`,
          `insert into equal_rows_without_a_key values (null, null, now()), (null, '', null), (null, '', null)`,
          `begin; insert into equal_rows_without_a_key values (7, 'gone'), (7, 'gone');
          delete from equal_rows_without_a_key where n = 7; commit`,
          `delete from equal_rows_without_a_key where n is null and note = ''`,
          `insert into equal_rows_without_a_key values (null, '')`,
        ],
      ),
  },
];
