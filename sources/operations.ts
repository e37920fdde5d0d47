import type { DatabaseSource } from '../lambdas/shared/source';

/** The company's operations database: loaded once a day from RDS's own snapshot, its changes as they happen. */
export const operations: DatabaseSource = {
  kind: 'database',
  name: 'operations',
  engine: 'postgres',
  database: 'operations',
  schema: 'public',
  datasets: ['customers', 'products', 'orders', 'order_items'],
  capture: {},
};
