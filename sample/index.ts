import type { Client } from 'pg';
import { liveOneDay } from './company';
import { sendEvents } from './events';

/** What the local run needs of the company that it plays. A fork that has its own brings its own, or none. */
export interface Company {
  /** Makes the rows of the database source, or changes them as a day would. @returns what was done, in a line */
  live(client: Client, orders: number): Promise<string>;
  /** Sends events to a collector. @returns what was done, in a line */
  send(client: Client, orders: number, post: (events: readonly object[]) => Promise<void>): Promise<string>;
  /** Where the truth of a dataset that no database source holds is written down, to reconcile with. */
  ledger: Readonly<Record<string, string>>;
}

export const company: Company = {
  live: liveOneDay,
  send: (client, orders, post) => sendEvents(client, Math.min(2000, Math.ceil(orders / 50)), post),
  ledger: { web_events: 'sample.web_events_accepted' },
};
