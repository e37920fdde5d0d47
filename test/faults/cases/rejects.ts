import type { Case } from '../case';
import type { World } from '../world';
import { THINGS } from '../workload';

/** Records that can't become rows. */

/** 100 rows, some of them of a time that no contract can have; then the source mends them. */
async function poison(world: World, table: string, bad: number): Promise<void> {
  await world.sql(`insert into ${table} (id, n, at)
    select i, i, case when i <= ${bad} then timestamptz '0044-03-15 BC' else now() end from generate_series(1, 100) i`);
  await world.settle(table);
  const rejected = await world.quarantined(table);
  if (rejected !== bad) throw new Error(`${rejected} rows are in quarantine, not the ${bad} that do not fit`);
  const [{ differences, error }] = await world.compare([table], ['silver']);
  if (differences !== bad) throw new Error(error ?? `${differences} rows differ, not the ${bad} rejected ones`);
  await world.sql(`update ${table} set at = now() where at < '0001-01-01'`);
  await world.settle(table);
}

const CASTS =
  'https://docs.aws.amazon.com/dms/latest/userguide/CHAP_Source.PostgreSQL.html#CHAP_Source-PostgreSQL-DataTypes';

export const rejects: readonly Case[] = [
  {
    name: 'one-poison-record-of-a-hundred',
    tables: { one_poison_record_of_a_hundred: THINGS },
    what: 'One row of a hundred has a value that its contract can not hold.',
    promised: { text: 'DMS writes what the source has; the values of a type are not checked.', source: CASTS },
    answer: 'It goes to quarantine with its reason, and raises an alarm; the others go on.',
    run: (world) => poison(world, 'one_poison_record_of_a_hundred', 1),
  },
  {
    name: 'a-hundred-poison-records-of-a-hundred',
    tables: { a_hundred_poison_records_of_a_hundred: THINGS },
    what: 'All of a hundred rows have a value that their contract can not hold.',
    promised: { text: 'DMS writes what the source has; the values of a type are not checked.', source: CASTS },
    answer: 'All go to quarantine with their reasons; the stream goes on.',
    run: (world) => poison(world, 'a_hundred_poison_records_of_a_hundred', 100),
  },
  {
    name: 'records-that-are-no-changes',
    tables: { records_that_are_no_changes: THINGS },
    what: 'Somebody else writes to the stream: text that is no JSON, JSON that is no change, in between the changes.',
    promised: {
      text: 'What the transform can not process goes to the error prefix, each record by itself.',
      source: 'https://docs.aws.amazon.com/firehose/latest/dev/data-transformation-failure-handling.html',
    },
    answer: 'The transform refuses each such record alone; Firehose writes it below the error prefix.',
    async run(world) {
      const table = 'records_that_are_no_changes';
      for (let id = 0; id < 10; id += 1) {
        await world.sql(`insert into ${table} (id, n) values (${id}, ${world.random.whole(1, 99)})`);
        const text = world.random.pick(['not JSON', '{}', '[]', '{"data":{"id":1},"metadata":{}}', '\u0000']);
        await world.put([{ Data: Buffer.from(text).toString('base64'), PartitionKey: `${id}` }]);
      }
      await world.settle(table);
    },
  },
];
