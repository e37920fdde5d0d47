import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { GetJobRunCommand, GlueClient, StartJobRunCommand } from '@aws-sdk/client-glue';
import { Kafka, logLevel, Partitioners, type Producer } from 'kafkajs';
import { kafkaJobName } from '../lib/kafka-streams';
import type { KafkaSource } from '../lambdas/shared/kafka-source';
import type { Message } from './company';
import { credentials, REGION, startPart, type Part } from './parts';
import { once, ROOT, run, SetupError, venv } from './toolchain';

/** A real Kafka broker, which plays MSK (`local/kafka_broker.py`). */
export interface Broker extends Part {
  /** Puts messages on a topic; resolves when the broker has them. */
  readonly send: (topic: string, messages: readonly Message[]) => Promise<void>;
}

const JARS = join(ROOT, '.cache', 'kafka');

/** Fetches Kafka (46 MB), where it is missing or old. */
export function ensureKafka(say: (line: string) => void): void {
  mkdirSync(JARS, { recursive: true });
  const files = ['local/kafka.json', 'local/fetch_kafka.py', 'local/fetch_jars.py'];
  once(join(JARS, 'made-from'), files, say, 'Kafka (once, 46 MB)', () => {
    run(venv('python'), ['local/fetch_kafka.py', JARS], 'Fetching Kafka');
  });
}

const folderOf = (state: string): string => join(state, 'kafka');

/** Numbers of the processes that are brokers on that folder. */
function brokersOf(folder: string): number[] {
  const all = spawnSync('ps', ['-A', '-ww', '-o', 'pid=,command='], { encoding: 'utf8' }).stdout.split('\n');
  const ours = all.filter((line) => line.endsWith(`kafka.Kafka ${join(folder, 'server.properties')}`));
  return ours.map((line) => Number.parseInt(line, 10));
}

/** Ends the broker that a killed run has left behind: politely, so that it need not mend its files. */
export async function endLeftoverKafka(state: string): Promise<void> {
  const until = performance.now() + 10_000;
  for (let left = brokersOf(folderOf(state)); left.length > 0; left = brokersOf(folderOf(state))) {
    for (const pid of left) process.kill(pid, performance.now() < until ? 'SIGTERM' : 'SIGKILL');
    await new Promise((done) => setTimeout(done, 200));
  }
}

/**
 * Starts the broker, with the topics of the sources. It goes on starting while the run does other things: `send` waits
 * for it.
 */
export function startKafka(
  { state, port, log }: { readonly state: string; readonly port: number; readonly log: string },
  sources: readonly KafkaSource[],
): Broker {
  let listening = (): void => undefined;
  const answers = new Promise<void>((done) => (listening = done));
  const part = startPart('kafka_broker.py', [JARS, folderOf(state), String(port)], log, listening);
  const failed = part.ended.then((code) => {
    throw new SetupError(`Kafka ended with code ${code}: see ${log}`);
  });
  failed.catch(() => undefined);
  const producer = Promise.race([answers, failed]).then(() => connect(port, sources));
  producer.catch(() => undefined);
  return {
    pid: part.pid,
    ended: part.ended,
    stop: async () => {
      await producer.then((one) => one.disconnect()).catch(() => undefined);
      await part.stop();
    },
    send: async (topic, messages) => {
      await (await producer).send({ topic, messages: [...messages], acks: -1 });
    },
  };
}

async function connect(port: number, sources: readonly KafkaSource[]): Promise<Producer> {
  const kafka = new Kafka({ clientId: 'moraine', brokers: [`127.0.0.1:${port}`], logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  const topics = sources.flatMap((source) => source.topics.map(({ topic }) => ({ topic, numPartitions: 3 })));
  await admin.createTopics({ topics, waitForLeaders: true });
  await admin.disconnect();
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
  await producer.connect();
  return producer;
}

/**
 * Runs the jobs that read the topics, until each has read what is there. On AWS they never end; here they share two
 * cores with everything else.
 * @throws Error with the job's own message when one fails
 */
export async function readTopics(endpoint: string, sources: readonly KafkaSource[]): Promise<void> {
  const glue = new GlueClient({ endpoint, region: REGION, credentials });
  for (const { name } of sources) {
    const JobName = kafkaJobName('local', name);
    const { JobRunId } = await glue.send(
      new StartJobRunCommand({ JobName, Arguments: { '--available': 'true', '--seconds': '0' } }),
    );
    for (;;) {
      const { JobRun: state } = await glue.send(new GetJobRunCommand({ JobName, RunId: JobRunId }));
      if (state?.JobRunState === 'SUCCEEDED') break;
      if (state?.JobRunState === 'FAILED') throw new Error(`${JobName} failed: ${state.ErrorMessage ?? ''}`);
      await new Promise((done) => setTimeout(done, 200));
    }
  }
}
