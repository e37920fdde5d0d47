import { environment } from '../config';
import type { CollectorSource, DatabaseSource } from '../lambdas/shared/source';
import { sources } from '../sources';
import { localUrl } from './api';
import { company } from './company';
import type { Outputs } from './deploy';
import { signer, tell } from './parts';
import type { Postgres } from './postgres';

/** What playing the source company needs. */
export interface Feed {
  /** How large the company starts: rows of its largest dataset. */
  readonly size: number;
  readonly source: Postgres;
  readonly endpoint: string;
  readonly outputs: Outputs;
  readonly say: (line: string) => void;
}

/** Database in which the sample writes down what it has sent to collectors: the first that is a source. */
export const ledger = (): string => sources.find((source) => source.kind === 'database')?.database ?? 'postgres';

/** Plays the source company: rows in its databases and a snapshot of each, events to the collectors. */
export async function feedSources(feed: Feed): Promise<void> {
  for (const declared of sources) {
    const told =
      declared.kind === 'database' ? await feedDatabase(feed, declared) : await feedCollector(feed, declared);
    feed.say(`${declared.name}: ${told}`);
  }
}

async function feedDatabase(feed: Feed, declared: DatabaseSource): Promise<string> {
  const client = await feed.source.connect(declared.database);
  feed.say(`${declared.name}: ${await company.live(declared, client, feed.size)}`);
  await client.end();
  const { instance } = environment('local').databases[declared.name];
  await tell(feed.endpoint, 'snapshot', { instance });
  return `automated snapshot of ${instance}`;
}

async function feedCollector(feed: Feed, declared: CollectorSource): Promise<string> {
  const client = await feed.source.connect(ledger());
  const aws = signer();
  const url = `${localUrl(feed.endpoint, feed.outputs.CollectorUrl)}/events/${declared.dataset}`;
  const told = await company.send(declared, client, feed.size, async (events) => {
    const answer = await aws.fetch(url, { method: 'POST', body: JSON.stringify(events) });
    if (answer.status !== 202) throw new Error(`The collector answered ${answer.status}: ${await answer.text()}`);
  });
  await client.end();
  await tell(feed.endpoint, 'flush');
  return told;
}
