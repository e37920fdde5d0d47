import { setTimeout as pause } from 'node:timers/promises';
import { again } from '../again';
import type { Random } from '../random';
import type { Fault, World } from '../world';

/** A fault of a soak. */
export interface SoakFault {
  readonly name: string;
  /** Whether a process ends of it, whose memory begins anew. */
  readonly kills?: boolean;
  /** Lets it happen, and ends it. */
  readonly run: (world: World) => Promise<void>;
}

const SECOND = 1000;

/** A share of a service's requests, for some seconds. @param most of them */
const wire = (name: string, kind: Fault['kind'], service: string, most: number, action = '.*'): SoakFault => ({
  name,
  run: async (world) => {
    const share = (0.3 + 0.7 * world.random.next()) * most;
    await world.faults({ kind, service, share, action });
    await pause(world.random.whole(4, 12) * SECOND);
    await world.calm();
  },
});

/** Of the catalogue: the jobs are started and watched by us, who are no part of the platform. */
const TABLES = '.*Tables?';

const parts: readonly SoakFault[] = [
  {
    name: 'DMS killed',
    kills: true,
    run: async (world) => void process.kill(await world.process('capture'), 'SIGKILL'),
  },
  {
    name: 'Spark killed',
    kills: true,
    run: async (world) => {
      process.kill(await world.process('spark'), 'SIGKILL');
      await again(() => world.restartSpark());
    },
  },
  {
    name: 'DMS cut off',
    run: async (world) => {
      for (let times = world.random.whole(1, 4); times > 0; times -= 1) {
        await world.cutCapture();
        await pause(world.random.whole(1, 3) * SECOND);
      }
    },
  },
  {
    name: 'database stopped',
    run: async (world) => {
      await world.crashSource();
      await pause(world.random.whole(0, 4) * SECOND);
      await again(() => world.startSource());
    },
  },
  {
    name: 'DMS repeats',
    run: async (world) => {
      await world.disturb({ duplicates: 0.2, disorder: 0.2 });
      await pause(world.random.whole(4, 12) * SECOND);
      await world.disturb({});
    },
  },
];

const wires: readonly SoakFault[] = [
  wire('Kinesis fails', 'fail', 'kinesis', 0.4),
  wire('Kinesis throttled', 'throttle', 'kinesis', 0.4),
  wire('Kinesis answers lost', 'drop_answer', 'kinesis', 0.4),
  wire('Lambda fails', 'fail', 'lambda', 0.4),
  wire('Lambda throttled', 'throttle', 'lambda', 0.4),
  wire('Lambda answers lost', 'drop_answer', 'lambda', 0.4),
  wire('S3 fails', 'fail', 's3', 0.1),
  wire('S3 throttled', 'throttle', 's3', 0.1),
  wire('S3 answers lost', 'drop_answer', 's3', 0.1, 'PUT'),
  wire('Glue fails', 'fail', 'glue', 0.1, TABLES),
  wire('Glue throttled', 'throttle', 'glue', 0.1, TABLES),
  wire('Glue answers lost', 'drop_answer', 'glue', 0.2, 'UpdateTable'),
];

/** What goes wrong, one after the other, without end: in each round each fault of a part, and three of the wire. */
export function* faultsInTurn(random: Random): Generator<SoakFault, never> {
  for (;;) yield* random.shuffle([...parts, ...random.shuffle(wires).slice(0, 3)]);
}
