import type { Case } from '../case';
import type { World } from '../world';
import { THINGS, stir, transactions } from '../workload';

/** What is delivered more than once, late, in another order, or not at all at first. */

const KINESIS = 'https://docs.aws.amazon.com/streams/latest/dev/kinesis-record-processor-duplicates.html';
const AT_LEAST_ONCE = 'Kinesis and Firehose deliver at least once, and Firehose keeps no order.';

export const delivery: readonly Case[] = [
  {
    name: 'delivered-three-times',
    tables: { delivered_three_times: THINGS },
    what: 'Every batch reaches Kinesis three times, its records shuffled each time; two rounds are merged apart.',
    promised: { text: AT_LEAST_ONCE, source: KINESIS },
    answer: 'The merge takes the newest by position, column by column: any order and any repetition end in one table.',
    async run(world) {
      await world.faults(
        { kind: 'shuffle', service: 'kinesis', action: 'PutRecords' },
        { kind: 'duplicate', service: 'kinesis', action: 'PutRecords', copies: 3 },
      );
      for (let round = 0; round < 2; round += 1) {
        await stir(world, 'delivered_three_times', 25);
        await world.settle('delivered_three_times');
      }
      await world.mend();
    },
  },
  {
    name: 'delivered-again-later',
    tables: { delivered_again_later: THINGS },
    what: 'All records come once more, after their rows were changed and deleted, the tables compacted and expired.',
    promised: {
      text: 'Records stay in Kinesis for up to a year, and a consumer may read them again.',
      source: KINESIS,
    },
    answer: 'An old change meets a newer position, or a tombstone, which is kept for 30 days: it changes nothing.',
    async run(world) {
      const change = async () => {
        await stir(world, 'delivered_again_later', 20);
        await world.settle('delivered_again_later');
      };
      await change();
      const records = await world.records('delivered_again_later');
      await change();
      await world.sql('delete from delivered_again_later where id % 2 = 0');
      await world.settle('delivered_again_later');
      await world.job('maintain', { '--datasets': 'delivered_again_later', '--keep-hours': '0' });
      await world.put(world.random.shuffle(records));
      await world.settle('delivered_again_later');
    },
  },
  {
    name: 'capture-killed-before-it-puts',
    tables: { capture_killed_before_it_puts: THINGS },
    what: "DMS's process is killed as it puts its changes into Kinesis, before they are there.",
    promised: {
      text: 'PostgreSQL keeps its log for a slot until its reader has acknowledged it.',
      source: 'https://www.postgresql.org/docs/current/logicaldecoding-explanation.html',
    },
    answer:
      'The log is acknowledged when Kinesis has taken all records of a commit: the next process reads them again.',
    run: (world) => killCapture(world, 'capture_killed_before_it_puts', 'kill_before'),
  },
  {
    name: 'capture-killed-before-it-acknowledges',
    tables: { capture_killed_before_it_acknowledges: THINGS },
    what: "DMS's process is killed when Kinesis has its changes, before it has acknowledged them to its slot.",
    promised: {
      text: 'After a crash the changes since the last acknowledgement are sent again.',
      source: 'https://www.postgresql.org/docs/current/logicaldecoding-explanation.html',
    },
    answer: 'They stand in Kinesis twice, with the same positions: the merge takes each once.',
    run: (world) => killCapture(world, 'capture_killed_before_it_acknowledges', 'kill_after'),
  },
];

async function killCapture(world: World, table: string, kind: 'kill_before' | 'kill_after') {
  const pid = await world.process('capture');
  await world.faults({ kind, service: 'kinesis', action: 'PutRecords', skip: world.random.whole(0, 2), times: 1, pid });
  for (const each of transactions(table, world.random, 40)) {
    await world.sql(each);
    if (world.random.chance(0.2)) await world.flush();
  }
  await world.settle(table);
  await world.mend();
  if ((await world.process('capture')) === pid) throw new Error(`process ${pid} of the capture was not killed`);
}
