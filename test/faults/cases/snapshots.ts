import { setTimeout as pause } from 'node:timers/promises';
import { again } from '../again';
import type { Case } from '../case';
import { THINGS, rows, stir } from '../workload';

/** What happens while a table is exported and loaded. */

const EXPORT = 'https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ExportSnapshot.html';
const RETRY = 'https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html';

/** Tries again once what failed for its part having been away, as the pipeline's tasks do. @throws Error when it did not fail */
async function failsThenPasses(work: () => Promise<void>, mend: () => Promise<void>): Promise<void> {
  const failed = await work().then(
    () => false,
    () => true,
  );
  if (!failed) throw new Error('it did not fail, though a part of it was killed');
  await mend();
  await work();
}

export const snapshots: readonly Case[] = [
  {
    name: 'changed-while-exported',
    tables: { changed_while_exported: THINGS },
    what: 'Rows change while a snapshot of them is taken, exported and loaded.',
    promised: { text: 'An export has the rows of its snapshot, which records no place in the log.', source: EXPORT },
    answer: 'A snapshot stands where its stream is sure to be: what the stream tells beyond it wins over its rows.',
    async run(world) {
      const table = 'changed_while_exported';
      await world.uncaptured(table, rows(table, 1000, 4000));
      const state = { over: false };
      const change = async () => {
        while (!state.over) {
          await stir(world, table, 2);
          await pause(100);
        }
      };
      await Promise.all([change(), world.loadSnapshot(table).finally(() => (state.over = true))]);
      await world.sql(`delete from ${table} where id between 2000 and 2500`);
      await world.settle(table);
    },
  },
  {
    name: 'export-killed-in-the-middle',
    tables: { export_killed_in_the_middle: THINGS },
    what: "The whole emulator is killed (-9) as the export writes the table's file.",
    promised: {
      text: 'What an export that did not end has written stays in the bucket.',
      source: 'https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CancelExportTask.html',
    },
    answer: 'The next look finds the export under way, failed or complete, and starts it again where it must.',
    async run(world) {
      const table = 'export_killed_in_the_middle';
      await world.uncaptured(table, rows(table, 1, 3000));
      await world.takeSnapshot();
      await world.save();
      const pid = await world.process('emulator');
      await world.faults({ kind: 'kill_before', service: 's3', action: 'PUT', about: `/exports.*${table}`, pid });
      await failsThenPasses(
        () => world.loadExport(table),
        () => world.restartEmulator(),
      );
      await stir(world, table, 10);
      await world.settle(table);
    },
  },
  {
    name: 'load-killed-in-the-middle',
    tables: { load_killed_in_the_middle: THINGS },
    what: 'Spark is killed as load_snapshot commits the differences to bronze, before or after the commit.',
    promised: {
      text: 'A commit is one swap of the metadata pointer.',
      source: 'https://iceberg.apache.org/docs/1.10.0/reliability/',
    },
    answer: "The append carries the export's name: a load that is tried again appends once.",
    async run(world) {
      const table = 'load_killed_in_the_middle';
      await world.uncaptured(table, rows(table, 1, 3000));
      await world.takeSnapshot();
      const pid = await world.process('spark');
      const kind = world.random.pick(['kill_before', 'kill_after'] as const);
      const about = `local_bronze.*"${table}"|"${table}".*local_bronze`;
      await world.faults({ kind, service: 'glue', action: 'UpdateTable', about, times: 1, pid });
      await failsThenPasses(
        () => world.loadExport(table),
        () => world.restartSpark(),
      );
      await world.mend();
      await stir(world, table, 10);
      await world.settle(table);
    },
  },
  {
    name: 'database-stopped-while-exported',
    tables: { database_stopped_while_exported: THINGS },
    what: 'PostgreSQL is stopped at once while a snapshot of it is taken.',
    promised: { text: 'A snapshot is taken of the volume: it fails, or it is whole.', source: EXPORT },
    answer: 'No export is loaded of a snapshot that is not there; the next one has everything.',
    async run(world) {
      const table = 'database_stopped_while_exported';
      await world.uncaptured(table, rows(table, 1, 60_000));
      const taken = world.takeSnapshot().catch(() => undefined);
      await world.crashSource();
      await taken;
      await world.startSource();
      await stir(world, table, 10);
      await world.loadSnapshot(table);
      await world.settle(table);
    },
  },
  {
    name: 'function-times-out-after-its-effect',
    tables: { function_times_out_after_its_effect: THINGS },
    what: 'start-export and check-export do their work, and their answers are lost; both are called again.',
    promised: { text: 'Step Functions tries a task again that timed out, whatever it did.', source: RETRY },
    answer:
      "An export's name is made of its snapshot and tables: asked again, the handler finds the one that it started.",
    async run(world) {
      const table = 'function_times_out_after_its_effect';
      await world.uncaptured(table, rows(table, 1, 500));
      await world.takeSnapshot();
      await world.faults({ kind: 'drop_answer', service: 'lambda', about: 'Export(Start|Check)', times: 3 });
      await again(() => world.loadExport(table));
      await world.mend();
      await stir(world, table, 10);
      await world.settle(table);
    },
  },
  {
    name: 'moved-with-an-unchanged-long-value',
    tables: { moved_with_an_unchanged_long_value: THINGS },
    what: 'A row with a value that PostgreSQL stores out of line, and does not send, gets another key.',
    promised: {
      text: 'An unchanged TOASTed value is not sent, with a new key neither.',
      source: 'https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html',
    },
    answer:
      'The row at its new key is incomplete: kept, counted and not shown, until the next snapshot tells what it lacks. ' +
      'With replica identity full the log has it at once.',
    async run(world) {
      const table = 'moved_with_an_unchanged_long_value';
      await world.sql(`alter table ${table} alter note set storage external;
        insert into ${table} (id, n, note) select i, i, repeat(md5(i::text), 200) from generate_series(1, 9) i`);
      await world.settle(table);
      await world.sql(`update ${table} set id = id + 20 where id > ${world.random.whole(3, 8)}`);
      await world.settle(table);
      await world.loadSnapshot(table);
    },
  },
];
