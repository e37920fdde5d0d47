import type { CollectorSource } from '../lambdas/shared/source';

/** What visitors do on the order pages, sent by the browser. */
export const webEvents: CollectorSource = {
  kind: 'collector',
  name: 'web_events',
  dataset: 'web_events',
  access: { kind: 'write_key', origins: ['https://shop.example.com'] },
};
