import { PutSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { environment } from '../config';
import { databaseIdentifier } from '../lambdas/shared/database';
import type { RestSource } from '../lambdas/shared/rest-source';
import type { KafkaSource } from '../lambdas/shared/kafka-source';
import type { CollectorSource, DatabaseSource, Source } from '../lambdas/shared/source';
import { sources } from '../sources';
import { localUrl } from './api';
import { company } from './company';
import { ledgerOf, type Given } from './databases';
import type { Outputs } from './deploy';
import type { Broker } from './kafka';
import { credentials, REGION, tell } from './parts';
import type { Postgres } from './postgres';
import { sender } from './write-key';

/** What filling the databases of the source company needs. */
export interface Fill {
  /** How large the company starts: rows of its largest dataset. */
  readonly size: number;
  readonly source: Postgres;
  /** The databases that are not ours. */
  readonly given: Given;
  readonly say: (line: string) => void;
}

/** What playing the source company needs, once the platform is deployed. */
export interface Feed extends Fill {
  readonly endpoint: string;
  readonly outputs: Outputs;
  /** Where there are topics to fill. */
  readonly broker?: Broker;
}

const databases = sources.filter((declared) => declared.kind === 'database');

/** Plays the rows of the source company's databases: they are there before the platform is. */
export async function fillDatabases(fill: Fill): Promise<void> {
  for (const declared of databases) fill.say(`${declared.name}: ${await live(fill, declared)}`);
}

/** Plays the rest of a day: a snapshot of each database, events to the collectors, days in the APIs. */
export async function feedSources(feed: Feed): Promise<void> {
  for (const declared of sources) feed.say(`${declared.name}: ${await feedSource(feed, declared)}`);
}

function feedSource(feed: Feed, declared: Source): Promise<string> {
  switch (declared.kind) {
    case 'database':
      return snapshot(feed, declared);
    case 'collector':
      return feedCollector(feed, declared);
    case 'rest':
      return feedApi(feed, declared);
    case 'kafka':
      return feedTopics(feed, declared);
    case 'event_export':
      return Promise.resolve(`nothing is delivered: put files below event-exports/${declared.name}/ yourself`);
    case 'sessions':
      return Promise.resolve(`derived from ${declared.events} by the pipeline`);
  }
}

async function snapshot(feed: Feed, declared: DatabaseSource): Promise<string> {
  const played = environment('local').databases[declared.name];
  const database = databaseIdentifier(played);
  await tell(feed.endpoint, 'snapshot', { database, shared_by: played.snapshotsFrom, key: played.snapshotKeyArn });
  return played.snapshotsFrom
    ? `snapshot of ${database}, shared by ${played.snapshotsFrom}`
    : `automated snapshot of ${database}`;
}

async function live(feed: Fill, declared: DatabaseSource): Promise<string> {
  const given = feed.given[declared.name];
  if (given) return `the rows of ${given.shown}, which is only read`;
  if (!company.plays.includes(declared.name)) {
    return `its rows are yours: fill ${feed.source.dsn}/${declared.database}, or name a database with --database ${declared.name}=postgresql://…`;
  }
  const client = await feed.source.connect(declared.database);
  const told = await company.live(declared, client, feed.size);
  await client.end();
  return told;
}

async function feedCollector(feed: Feed, declared: CollectorSource): Promise<string> {
  if (!company.plays.includes(declared.name)) return 'no events are sent: nobody plays it';
  const client = await feed.source.connect(ledgerOf(sources, feed.given));
  const post = await sender(feed.endpoint, declared);
  const url = `${localUrl(feed.endpoint, feed.outputs.CollectorUrl)}/events/${declared.dataset}`;
  const told = await company.send(declared, client, feed.size, async (events) => {
    const answer = await post(url, JSON.stringify(events));
    const text = await answer.text();
    const { rejected = [] } = (answer.status === 202 ? JSON.parse(text) : {}) as { rejected?: unknown[] };
    if (answer.status !== 202 || rejected.length > 0) {
      throw new Error(`The collector answered ${answer.status}: ${text}`);
    }
  });
  await client.end();
  return told;
}

async function feedApi(feed: Feed, declared: RestSource): Promise<string> {
  if (!company.plays.includes(declared.name))
    return `the API is yours: config/local.ts says where (apis.${declared.name})`;
  const client = await feed.source.connect(ledgerOf(sources, feed.given));
  const told = await company.publish(declared, client);
  await client.end();
  const secret = company.secret(declared);
  if (Object.keys(secret).length > 0) {
    const secrets = new SecretsManagerClient({ endpoint: feed.endpoint, region: REGION, credentials });
    const SecretId = `moraine/local/${declared.name}`;
    await secrets.send(new PutSecretValueCommand({ SecretId, SecretString: JSON.stringify(secret) }));
  }
  return told;
}

/** Messages of the first load: one for so many rows of the company's largest dataset. */
const ROWS_FOR_ONE_MESSAGE = 50;
const MOST_MESSAGES = 2000;

async function feedTopics({ broker, source, given, size }: Feed, declared: KafkaSource): Promise<string> {
  if (!broker || !company.plays.includes(declared.name)) {
    return 'its messages are yours: config/local.ts says where the broker is';
  }
  const client = await source.connect(ledgerOf(sources, given));
  const wanted = Math.min(MOST_MESSAGES, Math.ceil(size / ROWS_FOR_ONE_MESSAGE));
  const sent = await company.produce(declared, client, wanted, broker.send);
  await client.end();
  return `${sent.toLocaleString('en')} messages on ${declared.topics.map(({ topic }) => topic).join(', ')}`;
}
