import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from 'pg';
import type { KafkaSource } from '../lambdas/shared/kafka-source';
import type { RestSource } from '../lambdas/shared/rest-source';
import type { CollectorSource, DatabaseSource } from '../lambdas/shared/source';
import { ROOT } from './toolchain';

/** A request of the API, and the query of the ledger's database whose rows are its right answer, in their order. */
export interface Question {
  readonly path: string;
  readonly sql: string;
}

/** A message of Kafka, as texts. */
export interface Message {
  readonly key: string;
  readonly value: string;
}

/** What the local run needs of the company that it plays. `sample/index.ts` exports one as `company`. */
export interface Company {
  /** Names of the sources that it plays; the others are left as they are. */
  readonly plays: readonly string[];
  /** Makes the rows of a database source, `size` of its largest dataset, or changes them as a day would. @returns what was done, in a line */
  live(source: DatabaseSource, client: Client, size: number): Promise<string>;
  /** Changes about so many rows of a database source in one transaction, as a moment would. @returns how many */
  stir(source: DatabaseSource, client: Client, changes: number): Promise<number>;
  /** Sends events to a collector. @returns what was done, in a line */
  send(
    source: CollectorSource,
    client: Client,
    size: number,
    post: (events: readonly object[]) => Promise<void>,
  ): Promise<string>;
  /** Puts so many new messages on the topics of a Kafka source. @returns how many */
  produce(
    source: KafkaSource,
    client: Client,
    messages: number,
    send: (topic: string, messages: readonly Message[]) => Promise<void>,
  ): Promise<number>;
  /** Lets the service behind an API have one more day. @returns what was done, in a line */
  publish(source: RestSource, client: Client): Promise<string>;
  /** Plays the APIs of all REST sources on 127.0.0.1, `http://127.0.0.1:<port>/<source>/…`, from the ledger's database. */
  serve(database: string, port: number): Promise<{ stop(): Promise<void> }>;
  /** What the secret of a REST source holds. */
  secret(source: RestSource): Readonly<Record<string, string>>;
  /** Relation in which the truth of a collector's, an API's or a topic's dataset is written down: dataset → relation. */
  readonly ledger: Readonly<Record<string, string>>;
  /** What is asked of the API at the end of a run, and compared; empty: each endpoint once, and nothing to compare. */
  readonly questions: readonly Question[];
}

/** Without a sample the sources stay as they are: their rows, events and APIs are yours. */
const nobody: Company = {
  plays: [],
  live: () => Promise.resolve(''),
  stir: () => Promise.resolve(0),
  send: () => Promise.resolve(''),
  produce: () => Promise.resolve(0),
  publish: () => Promise.resolve(''),
  serve: () => Promise.resolve({ stop: () => Promise.resolve() }),
  secret: ({ name }) =>
    JSON.parse(process.env[`MORAINE_SECRET_${name.toUpperCase()}`] ?? '{}') as Record<string, string>,
  ledger: {},
  questions: [],
};

const sample = join(ROOT, 'sample');

/** The sample company, as long as a fork keeps it. */
export const company: Company = existsSync(join(sample, 'index.ts'))
  ? // eslint-disable-next-line @typescript-eslint/no-require-imports -- an import would break a fork without it
    (require(sample) as { company: Company }).company
  : nobody;
