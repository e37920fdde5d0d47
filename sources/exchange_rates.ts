import type { RestSource } from '../lambdas/shared/rest-source';

/** The rates service: one more day each day, and now and then a correction of the last one. */
export const exchangeRates: RestSource = {
  kind: 'rest',
  name: 'exchange_rates',
  authentication: { kind: 'api_key', header: 'X-Api-Key' },
  resources: [
    {
      dataset: 'exchange_rates',
      path: '/rates',
      query: { base: 'EUR', per_page: '200' },
      records: '$.rates[*]',
      fields: { rate_date: '$.date' },
      paging: { kind: 'page', parameter: 'page' },
      increment: { parameter: 'from', field: '$.date', start: '2026-01-01' },
    },
  ],
};
