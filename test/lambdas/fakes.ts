import type { Column, ColumnType, Contract } from '../../lambdas/shared/contract';
import type { Endpoint } from '../../lambdas/shared/endpoint';
import type { Platform } from '../../lambdas/shared/platform';

/** What a fake service does for each command, by the command's name without `Command`. */
export type Answers = Readonly<Record<string, (input: never) => unknown>>;

/** A command that was sent. */
export interface Sent {
  readonly name: string;
  readonly input: Record<string, unknown>;
}

/** A real client whose `send` never leaves the process; `sent` lists what it got. */
export function fake<C extends object>(client: C, answers: Answers): C & { sent: Sent[] } {
  const sent: Sent[] = [];
  const send = async (command: { constructor: { name: string }; input: Record<string, unknown> }): Promise<unknown> => {
    const name = command.constructor.name.replace(/Command$/, '');
    sent.push({ name, input: command.input });
    const answer = answers[name] as ((input: unknown) => unknown) | undefined;
    if (!answer) throw new Error(`The fake knows no ${name}`);
    return Promise.resolve(answer(command.input));
  };
  return Object.assign(client, { send, sent });
}

/** An error as the SDK throws it. */
export const awsError = (name: string, message = name): Error => Object.assign(new Error(message), { name });

/** An S3 body. */
export const body = (text: string) => ({ Body: { transformToString: () => Promise.resolve(text) } });

export const noSleep = (): Promise<void> => Promise.resolve();

/** A column, optional and plain unless said otherwise. */
export const column = (name: string, type: ColumnType, more: Partial<Column> = {}): Column => ({
  name,
  type,
  required: false,
  classification: 'internal',
  description: `${name} of the row.`,
  previousNames: [],
  ...more,
});

/** A small contract: a key, an amount, a time. */
export const contract = (more: Partial<Contract> = {}): Contract => ({
  dataset: 'orders',
  version: '1.0.0',
  description: '',
  domain: '',
  owner: '',
  columns: [
    column('order_id', { name: 'bigint' }, { required: true }),
    column('amount', { name: 'decimal', precision: 12, scale: 2 }),
    column('status', { name: 'varchar', length: 20 }),
    column('updated_at', { name: 'timestamptz' }),
  ],
  key: ['order_id'],
  bucketCount: 16,
  freshnessHours: 26,
  ...more,
});

export const endpoint: Endpoint = {
  path: '/analytics/orders',
  summary: 'Orders by delivery date and status',
  model: 'orders_by_delivery_date',
  parameters: [
    { name: 'status', column: 'status', required: true, values: ['open', 'shipped'] },
    { name: 'country', column: 'country', required: false },
  ],
  columns: [
    { name: 'delivery_date', type: 'date', description: 'Day.' },
    { name: 'orders', type: 'bigint', description: 'How many.' },
    { name: 'amount', type: 'decimal(18,2)', description: 'Total.' },
  ],
  order: ['delivery_date', 'orders desc'],
};

export const platform = (more: Partial<Platform> = {}): Platform => ({
  environment: 'dev',
  contracts: [contract()],
  sources: [
    {
      kind: 'database',
      name: 'operations',
      engine: 'postgres',
      database: 'shop',
      schema: 'public',
      datasets: ['orders'],
    },
  ],
  endpoints: [endpoint],
  ...more,
});
