import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import type { Case } from '../case';
import type { World } from '../world';
import { THINGS, rows, stir } from '../workload';

/** What happens to the source's database while its changes are captured. */

const SLOTS = 'https://www.postgresql.org/docs/current/logicaldecoding-explanation.html';
const WAL = 'https://www.postgresql.org/docs/current/wal-reliability.html';

/** Waits for DMS to say that the replication failed. @throws Error when it goes on */
async function failsLoudly(world: World): Promise<void> {
  for (let looks = 0; looks < 200; looks += 1) {
    const { status, messages } = await world.replication();
    if (status === 'failed' && messages.length > 0) return;
    await pause(100);
  }
  throw new Error('the replication has not failed, which lost its place in the log');
}

const ownerOf = (pid: number): { uid: number; gid: number } => {
  const { uid, gid } = statSync(`/proc/${pid}`);
  return { uid, gid };
};

export const source: readonly Case[] = [
  {
    name: 'database-stopped-while-captured',
    tables: { database_stopped_while_captured: THINGS },
    what: 'PostgreSQL is stopped at once (immediate) while changes are captured, a transaction of them open.',
    promised: { text: 'What was committed is in the log when the commit returns; what was not is gone.', source: WAL },
    answer: 'DMS connects again, and goes on where its slot was acknowledged.',
    async run(world) {
      await stir(world, 'database_stopped_while_captured', 15);
      const open = await world.connect();
      await open.query('begin');
      await open.query(rows('database_stopped_while_captured', 1000, 3000));
      if (world.random.chance(0.5)) await world.flush();
      await world.crashSource();
      await world.startSource();
      await stir(world, 'database_stopped_while_captured', 15);
      await world.settle('database_stopped_while_captured');
    },
  },
  {
    name: 'disk-of-the-database-full',
    tables: { disk_of_the_database_full: THINGS },
    what: 'The disk takes no more of a transaction (the limit on the size of a file, which PostgreSQL meets as a full disk).',
    promised: {
      text: 'A transaction that can not be written is rolled back, whole.',
      source: 'https://www.postgresql.org/docs/current/disk-full.html',
    },
    answer: 'Nothing of it is told by the log; what is committed before and after is captured as always.',
    async run(world) {
      const table = 'disk_of_the_database_full';
      await stir(world, table, 10);
      const client = await world.connect();
      const { rows: found } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
      // More than a segment of the log, which is as large as it will ever be; less than the table is to get.
      const pid = found[0].pid;
      const limit = spawnSync('prlimit', ['--pid', `${pid}`, `--fsize=${20 * 2 ** 20}`], {
        encoding: 'utf8',
        ...ownerOf(pid), // of a process of one's own only
      });
      if (limit.status !== 0) throw new Error(`prlimit: ${limit.stderr}`);
      const wide = `insert into ${table} (id, note) select i, repeat(md5(i::text), 60) from generate_series(1000, 16000) i`;
      const said = await client
        .query(`alter table ${table} alter note set storage plain; ${wide}`)
        .then(() => 'all of it was written', String);
      await client.end();
      if (!/could not (extend|write)/.test(said)) throw new Error(`the disk was not full: ${said}`);
      await stir(world, table, 10);
      await world.settle(table);
    },
  },
  {
    name: 'large-transaction',
    tables: { large_transaction: THINGS },
    what: 'One transaction inserts, changes and deletes a million rows in the first of ten seeds, 30,000 in the others.',
    promised: {
      text: 'Logical decoding spills a large transaction to disk, and sends it when it commits.',
      source: SLOTS,
    },
    answer: 'DMS holds no more than two requests of it; Firehose, bronze and the merge take it in batches.',
    async run(world) {
      const size = world.seed % 10 === 1 ? 1_000_000 : 30_000;
      await world.sql(`begin; ${rows('large_transaction', 1, Math.floor(size * 0.6))};
        update large_transaction set n = n + 1 where id % 3 = 0; delete from large_transaction where id % 3 = 1; commit`);
      await world.flush(600);
      await world.settle('large_transaction');
    },
  },
  {
    name: 'clock-of-the-database-wrong',
    tables: { clock_of_the_database_wrong: THINGS },
    what: "The source's clock jumps by hours, forwards and back, between transactions.",
    promised: {
      text: 'Commit timestamps are the clock of the server.',
      source: 'https://www.postgresql.org/docs/current/runtime-config-replication.html#GUC-TRACK-COMMIT-TIMESTAMP',
    },
    answer: 'Nothing is ordered by a time: positions are places in the log.',
    async run(world) {
      for (let round = 0; round < 6; round += 1) {
        await world.disturb({ skew: world.random.whole(-100_000, 100_000) });
        await stir(world, 'clock_of_the_database_wrong', 6);
        await world.flush();
      }
      await world.disturb({});
      await world.settle('clock_of_the_database_wrong');
    },
  },
  {
    name: 'replication-slot-dropped',
    tables: { replication_slot_dropped: THINGS },
    what: 'Somebody drops the replication slot; rows change before the operator has seen it.',
    promised: { text: 'Without its slot the log is not kept: what nobody has read is gone.', source: SLOTS },
    answer:
      'The replication fails, with an alarm (replication-stopped); the operator raises epoch, and a snapshot closes the gap.',
    async run(world) {
      const table = 'replication_slot_dropped';
      await stir(world, table, 15);
      await world.settle(table);
      await world.dropSlot();
      await stir(world, table, 15);
      await failsLoudly(world);
      await world.raiseEpoch();
      await stir(world, table, 5);
      await world.loadSnapshot(table);
      await world.settle(table);
    },
  },
  {
    name: 'database-restored-to-an-earlier-point',
    tables: { database_restored: THINGS },
    what: 'The database is restored from a copy: rows that were captured are gone, and its log goes on at an earlier place.',
    promised: {
      text: 'A restored database has the log of its backup, and positions that another log has had.',
      source: 'https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-TIMELINES',
    },
    answer:
      'The merge tells that the log went back, with an alarm (log-went-back); the operator raises epoch, and a snapshot of ' +
      'the restored database replaces what is no more.',
    async run(world) {
      const table = 'database_restored';
      await stir(world, table, 10);
      await world.settle(table);
      const restore = await world.backUpSource();
      await world.sql(rows(table, 1000, 5000));
      await stir(world, table, 10);
      await world.settle(table);
      await restore();
      await stir(world, table, 5);
      await world.flush();
      await world.disturb({ skew: 1200 }); // twenty minutes later nothing has come to where the log had been
      await stir(world, table, 5);
      await world.settle(table);
      await world.disturb({});
      const { log_went_back: wentBack } = await world.record(table, 'merge');
      if (wentBack !== true) throw new Error(`the merge tells ${JSON.stringify(wentBack)} of a log that went back`);
      await world.raiseEpoch();
      await stir(world, table, 5);
      await world.loadSnapshot(table);
      await world.settle(table);
    },
  },
];
