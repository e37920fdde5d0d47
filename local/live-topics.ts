import type { KafkaSource } from '../lambdas/shared/kafka-source';
import { company } from './company';
import { readTopics, type Broker } from './kafka';
import type { Postgres } from './postgres';

/** What keeping topics alive needs. */
export interface LiveTopicsProps {
  readonly source: Postgres;
  /** Database of `source` in which the sample writes down what it has sent. */
  readonly ledger: string;
  readonly endpoint: string;
  readonly broker: Broker;
  readonly topics: readonly KafkaSource[];
  /** Whether the company sends messages. */
  readonly sends: boolean;
  /** Whether they are read meanwhile. */
  readonly reads: boolean;
  readonly say: (line: string) => void;
}

const MESSAGES_A_SECOND = 3;
/** Milliseconds from one reading to the next, at least. */
const PAUSE = 10_000;
const SECOND = 1000;

/**
 * Does something again and again, until it is told to stop, with a pause in between of so many milliseconds, or as long
 * as the work took: half of the time is everything else's.
 */
async function repeat(least: number, stopped: () => boolean, work: () => Promise<unknown>): Promise<void> {
  while (!stopped()) {
    const begun = performance.now();
    await work();
    for (let left = Math.max(least, performance.now() - begun); left > 0 && !stopped(); left -= SECOND / 4) {
      await new Promise((done) => setTimeout(done, SECOND / 4));
    }
  }
}

/**
 * Lets messages come, a few each second, and the jobs read them, every few seconds, as the resident ones do on AWS.
 * @returns `stop`, which ends both; what has come since the last reading is still on the topics then
 */
export function keepFlowing(props: LiveTopicsProps): { stop(): Promise<void> } {
  const { source, ledger, endpoint, broker, topics, sends, reads, say } = props;
  const state = { stopped: false };
  const stopped = () => state.stopped;
  const produce = async (declared: KafkaSource): Promise<void> => {
    const client = await source.connect(ledger);
    await repeat(SECOND, stopped, () => company.produce(declared, client, MESSAGES_A_SECOND, broker.send));
    await client.end();
  };
  const played = topics.filter(({ name }) => sends && company.plays.includes(name));
  const reading = reads ? [repeat(PAUSE, stopped, () => readTopics(endpoint, topics))] : [];
  const all = Promise.all([...played.map(produce), ...reading]);
  all.catch((error: unknown) => {
    if (!state.stopped) say(`the topics are read no more: ${String(error)}`);
  });
  return {
    stop: async () => {
      state.stopped = true;
      await all;
    },
  };
}
