import type { Company } from '../local/company';
import { liveOneDay, stir } from './company';
import { sendPositions } from './couriers';
import { sendEvents } from './events';
import { questions } from './questions';
import { KEY, publishDay, serveRates } from './rates';

/** ACME Delivery, as the local run plays it. A fork deletes this folder, or puts its own company here. */
export const company: Company = {
  plays: ['operations', 'exchange_rates', 'web_events', 'courier_positions', 'web_sessions'],
  live: (_source, client, orders) => liveOneDay(client, orders),
  stir: (_source, client, changes) => stir(client, changes),
  send: (_source, client, orders, post) => sendEvents(client, Math.min(2000, Math.ceil(orders / 50)), post),
  produce: (_source, client, messages, send) => sendPositions(client, messages, send),
  publish: (_source, client) => publishDay(client),
  serve: (database, port) => serveRates(database, port),
  secret: () => ({ key: KEY }),
  ledger: {
    web_events: 'sample.web_events_accepted',
    web_sessions: 'sample.web_sessions',
    exchange_rates: 'sample.exchange_rates',
    courier_positions: 'sample.courier_positions_sent',
  },
  questions,
};
