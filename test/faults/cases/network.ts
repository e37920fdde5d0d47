import type { Case } from '../case';
import { again } from '../again';
import type { Fault } from '../world';
import { THINGS, rows, transactions } from '../workload';

/** The wire between any two parts fails, now and then, while changes run and while a table is loaded. */

const RETRIES = 'https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html';

/** Requests of each kind that fail, one of so many at random. */
const cuts = (services: readonly string[], kinds: readonly Fault['kind'][], share: number): Fault[] =>
  services.flatMap((service) =>
    // The catalogue's tables, not the jobs: it is the case that starts these, and looks at them.
    kinds.map((kind) => ({ kind, service, share, ...(service === 'glue' && { action: '.*Tables?' }) })),
  );

export const network: readonly Case[] = [
  {
    name: 'network-cut-while-captured',
    tables: { network_cut_while_captured: THINGS },
    what:
      'While changes run, requests between DMS and Kinesis, Firehose and its transform, Firehose, Spark and S3, Firehose, ' +
      'Spark and the catalogue fail, are throttled, or lose their answers; PostgreSQL ends the connection of DMS.',
    promised: {
      text: 'Firehose asks a transform four times, and then writes the batch below its error prefix.',
      source: 'https://docs.aws.amazon.com/firehose/latest/dev/data-transformation-failure-handling.html',
    },
    answer: 'Each step may be repeated; what Firehose gives up is brought back by npm run ops -- replay.',
    async run(world) {
      const table = 'network_cut_while_captured';
      await world.faults(
        ...cuts(['kinesis', 'lambda'], ['fail', 'throttle', 'drop_answer'], 0.05),
        ...cuts(['s3', 'glue'], ['fail', 'throttle'], 0.015),
        { kind: 'drop_answer', service: 'glue', action: 'UpdateTable', share: 0.1 },
        { kind: 'drop_answer', service: 's3', action: 'PUT', share: 0.05 },
      );
      for (let round = 0; round < 2; round += 1) {
        for (const each of transactions(table, world.random, 10)) {
          await world.sql(each);
          if (world.random.chance(0.15)) await world.cutCapture();
        }
        await again(() => world.flush());
        const run = await again(() => world.start('merge', { '--datasets': table }));
        await again(() => world.ended('merge', run));
      }
      await world.calm();
      await world.flush();
      await world.replayErrors(); // what Firehose has given up
      await world.settle(table);
    },
  },
  {
    name: 'network-cut-while-loaded',
    tables: { network_cut_while_loaded: THINGS },
    what: 'The same while a snapshot is exported and loaded, and between the handlers, RDS and the run records.',
    promised: { text: 'The SDKs try again what failed or was throttled, a few times.', source: RETRIES },
    answer: 'The pipeline tries each task again; an export and its load are known by their names.',
    async run(world) {
      const table = 'network_cut_while_loaded';
      await world.uncaptured(table, rows(table, 1, 2000));
      await world.takeSnapshot();
      await world.faults(
        ...cuts(['rds', 'lambda', 'dynamodb'], ['fail', 'throttle', 'drop_answer'], 0.05),
        ...cuts(['s3', 'glue'], ['fail', 'throttle'], 0.02),
        { kind: 'drop_answer', service: 'glue', action: 'UpdateTable', share: 0.1 },
      );
      await again(() => world.loadExport(table));
      await world.calm();
      await world.settle(table);
    },
  },
];
