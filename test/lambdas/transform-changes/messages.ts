/**
 * Records in the shapes that DMS 3.5 wrote to Kinesis from PostgreSQL (recorded for CrateDB's commons-codec), with
 * tables and values of our own.
 * @see https://github.com/crate/commons-codec
 */
export interface Message {
  data?: Record<string, unknown> | null;
  'before-image'?: Record<string, unknown> | null;
  control?: Record<string, unknown>;
  metadata: Record<string, unknown>;
}

const table = { 'schema-name': 'public', 'table-name': 'parcels' };

export const row = { parcel_id: 46, weight: 31.5, label: 'fragile', sent_at: '2024-07-29T00:58:17Z' };

/** A change of a committed transaction. */
export const change = (operation: string, data: object, more: Partial<Message> = {}): Message => ({
  ...more,
  data: { ...data },
  metadata: {
    timestamp: '2024-07-29T00:58:17.983670Z',
    'record-type': 'data',
    operation,
    'partition-key-type': 'schema-table',
    ...table,
    'stream-position': '00000002/7C007178.3.00000002/7C007178',
    'transaction-id': 1139,
    'transaction-record-id': 1,
    'prev-transaction-id': 1138,
    'prev-transaction-record-id': 1,
    'commit-timestamp': '2024-07-29T00:58:17.974340Z',
    ...more.metadata,
  },
});

/** A row of the full load: no transaction, no place in the log. */
export const load = (data: object): Message => ({
  data: { ...data },
  metadata: {
    timestamp: '2024-07-29T00:57:35.691762Z',
    'record-type': 'data',
    operation: 'load',
    'partition-key-type': 'primary-key',
    'partition-key-value': 'public.parcels.46',
    ...table,
  },
});

export const control = (operation: string, metadata: object = {}): Message => ({
  control: {},
  metadata: {
    timestamp: '2024-07-29T00:30:47.258815Z',
    'record-type': 'control',
    operation,
    'partition-key-type': 'task-id',
    'partition-key-value': 'serv-res-id-1722195358878-yhru',
    ...table,
    ...metadata,
  },
});

/** Where a change stands in its log; control records of a truncation are taken only with it. */
export const place = { 'stream-position': '00000002/7C0073F8.2.00000002/7C0073F8', 'transaction-record-id': 1 };
