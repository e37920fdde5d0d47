import type { FirehoseRecordMetadata } from 'aws-lambda';
import { column } from '../fakes';
import { change, control, load, place, row, type Message } from './messages';
import { eventOf, handlerOf, parcels, rowOf, transform } from './transform';

let entries: Record<string, unknown>[];
beforeEach(() => {
  entries = [];
  jest.spyOn(console, 'log').mockImplementation((entry: Record<string, unknown>) => void entries.push(entry));
});

const ORIGIN = 'kinesis/shardId-000000000002/49660';
const LOADED = `0001.${'0'.repeat(26)}.${'0'.repeat(20)}`;
/** LSN 2/7C007178 is 10670338424. */
const UPDATED = `0001.${'10670338424'.padStart(26, '0')}.${'2'.padStart(20, '0')}`;
const INSERTED = UPDATED.replace(/2$/, '3');
const POSITIONS: Record<string, string> = { load: LOADED, insert: INSERTED };
const toBronze = { destinationDatabaseName: 'dev_bronze', destinationTableName: 'parcels', operation: 'insert' };
const toQuarantine = { ...toBronze, destinationDatabaseName: 'dev_quarantine', destinationTableName: 'rejected' };

it('makes a row of bronze out of an insert', async () => {
  const [record] = await transform([change('insert', row)]);
  expect(record).toMatchObject({ recordId: 'r0', result: 'Ok', metadata: { otfMetadata: toBronze } });
  expect(record.text).toBe(
    '{"parcel_id":46,"weight":"31.500000000000000000","label":"fragile","sent_at":1722214697000000,' +
      `"_op":"upsert","_position":"${INSERTED}","_committed_at":1722214697974340,"_ingested_at":1795154400000000,` +
      '"_missing":null,"_origin":"parcels/kinesis/shardId-000000000002/49660","_previous_key":null,"_rest":null}',
  );
});

it.each<[string, Message, object]>([
  ['an update', change('update', row, { 'before-image': {} }), { _op: 'upsert', _missing: null, _previous_key: null }],
  [
    'an update that carries not every column',
    change('update', { parcel_id: 46, sent_at: null }),
    { label: null, sent_at: null, _missing: 'weight,label' },
  ],
  [
    'an insert without optional columns, which the source has dropped',
    change('insert', { parcel_id: 46, label: 'a' }),
    { weight: null, sent_at: null, _missing: null },
  ],
  ['a delete', change('delete', { ...row, weight: null, label: null }), { _op: 'delete', parcel_id: 46, label: null }],
  [
    'a delete with the old row, which is not asked whether it keeps the contract',
    change('delete', { ...row, label: 7, colour: 'red' }),
    { _op: 'delete', parcel_id: 46, label: null, _rest: null, _missing: null },
  ],
  ['a row of the full load', load(row), { _op: 'upsert', _position: LOADED, _committed_at: 1722214655691762 }],
  [
    'a truncation',
    control('truncate-table', { ...place, 'commit-timestamp': '2024-07-29T00:58:17Z' }),
    {
      _op: 'truncate',
      parcel_id: null,
      label: null,
      _position: expect.stringMatching(/^0001\.\d+10670339064\.0+2$/) as string,
    },
  ],
])('takes %s', async (_, message, expected) => {
  expect(await rowOf(message)).toMatchObject(expected);
});

it('tells records that came as one of Kinesis apart', async () => {
  const [record] = await handlerOf()({
    ...eventOf([JSON.stringify(change('insert', row))]),
    records: eventOf([JSON.stringify(change('insert', row))]).records.map((each) => ({
      ...each,
      kinesisRecordMetadata: { ...each.kinesisRecordMetadata, subsequenceNumber: '7' } as FirehoseRecordMetadata,
    })),
  }).then(({ records }) => records);
  expect(JSON.parse(Buffer.from(record.data, 'base64').toString())).toMatchObject({ _origin: `parcels/${ORIGIN}/7` });
});

it('keeps what the contract lacks, and counts it', async () => {
  const text = JSON.stringify(change('insert', { ...row, colour: 'red', serial: 0 })).replace(
    '"serial":0',
    '"serial":9007199254740993',
  );
  expect((await rowOf(text))._rest).toBe('{"colour":"red","serial":9007199254740993}');
  expect(entries).toEqual([
    expect.objectContaining({
      message: 'changes transformed',
      source: 'depot',
      ok: 1,
      unknownFields: 2,
      unknown: ['parcels.colour', 'parcels.serial'],
    }),
  ]);
});

it('takes a renamed column by a former name, the key of a moved row too', async () => {
  const renamed = {
    ...parcels,
    key: ['number'],
    columns: parcels.columns.map((c) =>
      c.name === 'parcel_id' ? { ...c, name: 'number', previousNames: ['id', 'parcel_id'] } : c,
    ),
  };
  const moved = change('update', row, { 'before-image': { parcel_id: 45 } });
  const found = await rowOf(moved, { contract: renamed });
  expect(found).toMatchObject({ number: 46, _missing: null, _previous_key: '{"number":"45"}', _rest: null });
});

describe('a row that moves to another key', () => {
  const keyed = {
    ...parcels,
    key: ['depot', 'day', 'at'],
    columns: [
      column('depot', { name: 'decimal', precision: 20, scale: 2 }, { required: true }),
      column('day', { name: 'date' }, { required: true }),
      column('at', { name: 'timestamptz' }, { required: true }),
    ],
  };
  const now = { depot: 1.5, day: '2026-01-31', at: '2026-01-31T12:00:00.000001Z' };

  it.each<[Record<string, unknown>, string | null]>([
    [{}, null],
    [now, null],
    [{ depot: '1.50', day: '2026-01-31T00:00:00Z' }, null],
    [{ depot: null, day: null, at: null }, null],
    [{ day: '2026-01-30' }, '{"depot":"1.50","day":"2026-01-30","at":"2026-01-31T12:00:00.000001Z"}'],
    [{ at: '1969-12-31T23:59:59.9Z' }, '{"depot":"1.50","day":"2026-01-31","at":"1969-12-31T23:59:59.900000Z"}'],
  ])('tells its whole former key: %j', async (before, expected) => {
    const found = await rowOf(change('update', now, { 'before-image': before }), { contract: keyed });
    expect(found._previous_key).toBe(expected);
  });

  it('is rejected when the former key breaks the contract', async () => {
    const found = await rowOf(change('update', now, { 'before-image': { day: 'x' } }), { contract: keyed });
    expect(found).toMatchObject({
      column_name: 'day',
      reason: expect.stringMatching(/^before-image: day is "x"; date/) as string,
    });
  });
});

it.each<[string, Message, string | null, string]>([
  [
    'a value of another type',
    change('insert', { ...row, sent_at: 'soon' }),
    'sent_at',
    'sent_at is "soon"; timestamptz allows a time',
  ],
  [
    'a number that is too large',
    change('insert', { ...row, parcel_id: '9223372036854775808' }),
    'parcel_id',
    'parcel_id is 9223372036854775808; bigint allows',
  ],
  [
    'an insert without a required column',
    change('insert', { parcel_id: 46 }),
    'label',
    'label is missing; it is required',
  ],
  ['a load without a required column', load({ parcel_id: 46 }), 'label', 'label is missing; it is required'],
  [
    'an update to null of a required column',
    change('update', { ...row, label: null }),
    'label',
    'label is missing; it is required',
  ],
  ['an update without its key', change('update', { label: 'a' }), 'parcel_id', 'parcel_id is missing; it is required'],
  [
    'a delete without its key',
    change('delete', { parcel_id: null }),
    'parcel_id',
    'parcel_id is missing; it is required',
  ],
  [
    'a change without a row',
    { ...change('insert', row), data: null },
    null,
    'data is missing; a data record has the row in it',
  ],
  [
    'an unknown operation',
    change('upsert', row),
    null,
    'operation is "upsert"; allowed are load, insert, update, delete',
  ],
])('quarantines %s', async (_, message, name, reason) => {
  const [record] = await transform([message]);
  expect(record).toMatchObject({ result: 'Ok', metadata: { otfMetadata: toQuarantine } });
  expect(JSON.parse(record.text)).toEqual({
    dataset: 'parcels',
    reason: expect.stringContaining(reason) as string,
    column_name: name,
    payload: JSON.stringify(message),
    _position: POSITIONS[message.metadata.operation as string] ?? UPDATED,
    _origin: ORIGIN,
    _quarantined_at: 1795154400000000,
  });
});

it.each([
  ['table-name', 'letters'],
  ['schema-name', 'audit'],
])('quarantines a change of a table without a contract: another %s', async (field, value) => {
  const message = change('insert', row);
  message.metadata[field] = value;
  expect(await rowOf(message)).toMatchObject({
    dataset: field === 'table-name' ? 'public.letters' : 'audit.parcels',
    reason: expect.stringMatching(
      /has no contract; source depot captures public\.parcels\. Write a contract/,
    ) as string,
    _position: INSERTED,
  });
  expect(entries).toEqual([expect.objectContaining({ ok: 0, quarantined: 1 })]);
});

it.each(['drop-table', 'rename-table'])('never empties a table by %s: it says so in quarantine', async (operation) => {
  expect(await rowOf(control(operation))).toMatchObject({
    dataset: 'parcels',
    reason: expect.stringContaining(`${operation} of parcels: its rows stay`) as string,
    _position: null,
  });
});

it.each<[string, Message]>([
  ['a control record that changes no row', control('add-column')],
  ['a control record of a table without a contract', control('drop-table', { 'table-name': 'letters' })],
  ['a control record of the task', control('restart', { 'schema-name': '', 'table-name': undefined })],
  ["DMS's own tables", control('create-table', { 'schema-name': '', 'table-name': 'awsdms_apply_exceptions' })],
  ["rows of DMS's own tables", change('insert', {}, { metadata: { 'table-name': 'awsdms_heartbeat' } })],
])('drops %s', async (_, message) => {
  const [record] = await transform([message]);
  expect(record).toMatchObject({ recordId: 'r0', result: 'Dropped' });
  expect(entries).toEqual([expect.objectContaining({ dropped: 1, quarantined: 0 })]);
});

it.each<[string, unknown, string]>([
  ['what is not JSON', '{"data":{', 'is not JSON'],
  ['what is no record of DMS', '[]', 'record: value: '],
  [
    'a change without a place in the log',
    { ...load(row), metadata: { ...load(row).metadata, operation: 'insert' } },
    'stream-position is missing; for postgres one such as',
  ],
  [
    'a place of another engine',
    change('insert', row, { metadata: { 'stream-position': 'binlog.000024:373' } }),
    'stream-position is "binlog.000024:373"; for postgres',
  ],
  [
    'a change without its number in the transaction',
    change('insert', row, { metadata: { 'transaction-record-id': null } }),
    'transaction-record-id is null',
  ],
  ['a truncation without a place in the log', control('truncate-table'), 'stream-position is missing'],
  [
    'a rejected row that is too long for quarantine',
    change('insert', { ...row, label: 'x'.repeat(4000) }),
    'parcels.label breaks its contract, and the row is too long for quarantine',
  ],
])('hands back %s, says why, and goes on', async (_, record, reason) => {
  const [bad, good] = await transform([record, change('insert', row)]);
  expect(bad.result).toBe('ProcessingFailed');
  expect(bad.text).toBe(typeof record === 'string' ? record : JSON.stringify(record));
  expect(good.result).toBe('Ok');
  const [{ failed, ok, failures }] = entries;
  expect([failed, ok]).toEqual([1, 1]);
  expect(Object.keys(failures as object)).toEqual([expect.stringContaining(reason)]);
});

it('answers within Lambda’s limit, and hands back what does not fit', async () => {
  const wide = {
    ...parcels,
    columns: [...parcels.columns, ...Array.from({ length: 40 }, (_, i) => column(`a_long_name_${i}`, { name: 'int' }))],
  };
  const many = Array.from({ length: 5_000 }, (_, i) => change('insert', { ...row, parcel_id: i }));
  const answer = await transform(many, { contract: wide });
  expect(answer.map(({ recordId }) => recordId)).toEqual(many.map((_, i) => `r${i}`));
  expect(JSON.stringify(answer.map((record) => ({ ...record, text: undefined }))).length).toBeLessThan(6_000_000);
  const failed = answer.filter(({ result }) => result === 'ProcessingFailed');
  expect(failed.length).toBeGreaterThan(0);
  expect(JSON.parse(failed[0].text)).toHaveProperty('data.parcel_id');
});

it('names the sources there are when its own is not among them', async () => {
  const wrong = transform([change('insert', row)], { source: { name: 'harbour' } });
  await expect(wrong).rejects.toThrow('SOURCE is "depot"; sources with capture are: harbour. Correct the variable');
});
