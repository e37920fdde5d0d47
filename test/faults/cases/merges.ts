import { again } from '../again';
import type { Case } from '../case';
import type { World } from '../world';
import { THINGS, stir } from '../workload';

/** What happens to Spark and to the lake's tables while changes are merged. */

const GLUE_CATALOG = 'https://iceberg.apache.org/docs/1.10.0/aws/#glue-catalog';
const RELIABILITY = 'https://iceberg.apache.org/docs/1.10.0/reliability/';

async function stirred(world: World, table: string, count: number): Promise<void> {
  await stir(world, table, count);
  await world.flush();
}

const silver = (table: string): string => `local_silver.*"${table}"|"${table}".*local_silver`;

/** Kills Spark at silver's commit. */
async function killSpark(world: World, table: string, kind: 'kill_before' | 'kill_after'): Promise<void> {
  await stirred(world, table, 20);
  if (world.random.chance(0.5)) {
    await world.settle(table);
    await stirred(world, table, 20);
  }
  const pid = await world.process('spark');
  await world.faults({ kind, service: 'glue', action: 'UpdateTable', about: silver(table), times: 1, pid });
  const error = await world.ended('merge', await world.start('merge', { '--datasets': table }));
  if (error === undefined) throw new Error('the merge succeeded, whose Spark was killed');
  await world.mend();
  await world.restartSpark();
  await world.settle(table);
}

const MANY = Array.from({ length: 4 }, (_, i) => `many_tables_${i + 1}`);

export const merges: readonly Case[] = [
  {
    name: 'spark-killed-before-its-commit',
    tables: { spark_killed_before_its_commit: THINGS },
    what: "Spark is killed when all of a merge's files are written, before the table's catalogue knows of them.",
    promised: {
      text: 'A commit is one swap of the metadata pointer: until then readers see nothing.',
      source: RELIABILITY,
    },
    answer: 'Progress is part of the commit: the next merge reads the same changes again.',
    run: (world) => killSpark(world, 'spark_killed_before_its_commit', 'kill_before'),
  },
  {
    name: 'spark-killed-after-its-commit',
    tables: { spark_killed_after_its_commit: THINGS },
    what: 'Spark is killed when a merge is committed, before it can say so.',
    promised: { text: 'A commit is one swap of the metadata pointer: after it readers see all.', source: RELIABILITY },
    answer: 'Progress is part of the commit: the next merge goes on after it.',
    run: (world) => killSpark(world, 'spark_killed_after_its_commit', 'kill_after'),
  },
  {
    name: 'answer-of-a-commit-lost',
    tables: { answer_of_a_commit_lost: THINGS },
    what: 'The catalogue takes a commit of bronze, and one of silver, and its answer is lost.',
    promised: {
      text: 'Iceberg looks whether such a commit was taken; Firehose may deliver the batch again.',
      source: GLUE_CATALOG,
    },
    answer:
      'A batch that is appended twice is merged once; a merge whose commit may have been taken reads progress anew.',
    async run(world) {
      const table = 'answer_of_a_commit_lost';
      await world.faults({
        kind: 'drop_answer',
        service: 'glue',
        action: 'UpdateTable',
        about: `"${table}"`,
        share: 0.5,
        times: 6,
      });
      for (let round = 0; round < 3; round += 1) {
        await stirred(world, table, 10);
        await world.start('merge', { '--datasets': table }).then((run) => world.ended('merge', run));
      }
      await world.mend();
      await world.settle(table);
    },
  },
  {
    name: 'two-merges-at-once',
    tables: { two_merges_at_once: THINGS },
    what: 'Two merges of one batch run at the same time, the catalogue slow for one of them.',
    promised: {
      text: 'Of two commits on one version of a table one is taken, the other sees a conflict.',
      source: RELIABILITY,
    },
    answer: 'The other starts over from the new progress.',
    async run(world) {
      for (let round = 0; round < 2; round += 1) {
        await stirred(world, 'two_merges_at_once', 15);
        await world.faults({
          kind: 'delay',
          service: 'glue',
          action: 'UpdateTable',
          about: silver('two_merges_at_once'),
          seconds: 0.5,
          times: 1,
        });
        const runs = await Promise.all([1, 2].map(() => world.start('merge', { '--datasets': 'two_merges_at_once' })));
        const errors = await Promise.all(runs.map((run) => world.ended('merge', run)));
        if (errors.some(Boolean)) throw new Error(`a merge failed: ${errors.join('; ')}`);
      }
      await world.mend();
    },
  },
  {
    name: 'maintained-while-merged',
    tables: { maintained_while_merged: THINGS },
    what: 'Tables are compacted and their snapshots expire while merges run.',
    promised: {
      text: 'A rewrite conflicts with a commit that deletes rows of the files which it replaces.',
      source: RELIABILITY,
    },
    answer: 'Both start over; what no consumer has read does not expire; progress passes over compactions.',
    async run(world) {
      const table = 'maintained_while_merged';
      const state = { over: false };
      const maintain = async () => {
        while (!state.over) await world.job('maintain', { '--datasets': table, '--keep-hours': '0' });
      };
      const merge = async () => {
        for (let round = 0; round < 3; round += 1) {
          await stirred(world, table, 10);
          await world.settle(table);
        }
      };
      await Promise.all([maintain(), merge().finally(() => (state.over = true))]);
    },
  },
  {
    name: 'silver-rolled-back',
    tables: { silver_rolled_back: THINGS },
    what: 'Silver is rolled back to an earlier snapshot, before a merge or beside it, and merged again.',
    promised: {
      text: 'rollback_to_snapshot makes an earlier snapshot the current one.',
      source: 'https://iceberg.apache.org/docs/1.10.0/spark-procedures/#rollback_to_snapshot',
    },
    answer: 'Progress goes back with the data: the merge reads what came after it once more.',
    async run(world) {
      for (let round = 0; round < 3; round += 1) {
        await stirred(world, 'silver_rolled_back', 12);
        await world.settle('silver_rolled_back');
      }
      await stirred(world, 'silver_rolled_back', 6);
      const back = again(() => world.rollBack('silver_rolled_back', world.random.whole(1, 2)));
      // Before a merge, or beside it: then one of them starts over.
      await Promise.all([world.random.chance(0.5) ? back : world.settle('silver_rolled_back'), back]);
      await world.settle('silver_rolled_back');
    },
  },
  {
    name: 'many-tables-at-once',
    tables: Object.fromEntries(MANY.map((table) => [table, THINGS])),
    what: 'Four tables are merged side by side and maintained at the same time, while their rows change.',
    promised: {
      text: 'Tables have commits of their own: what happens to one is nothing to the others.',
      source: RELIABILITY,
    },
    answer: "Each table's merge and maintenance end by themselves; one that fails stops no other.",
    async run(world) {
      for (let round = 0; round < 2; round += 1) {
        for (const table of MANY) await stirred(world, table, 4);
        const args = { '--datasets': MANY.join(',') };
        await Promise.all([
          world.job('merge', args),
          ...(round > 0 ? [world.job('maintain', { ...args, '--keep-hours': '0' })] : []),
        ]);
      }
      await world.settle(...MANY);
    },
  },
];
