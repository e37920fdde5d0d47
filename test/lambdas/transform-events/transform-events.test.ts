import type { FirehoseTransformationEvent } from 'aws-lambda';
import { makeHandler } from '../../../lambdas/transform-events';
import type { Contract } from '../../../lambdas/shared/contract';
import { column, contract, platform } from '../fakes';

beforeEach(() => jest.spyOn(console, 'log').mockImplementation(() => undefined));

const NOW = new Date('2026-11-20T06:00:00.000Z');
const clicks = contract({
  dataset: 'clicks',
  columns: [
    column('id', { name: 'varchar', length: 36 }, { required: true }),
    column('at', { name: 'timestamptz' }, { required: true }),
    column('customer', { name: 'bigint' }),
    column('price', { name: 'decimal', precision: 5, scale: 2 }),
  ],
  key: ['id'],
});
const envelope = (event: object, ordinal = 0, dataset = 'clicks') => ({
  dataset,
  received_at: 1795154400123000,
  request_id: 'req',
  ordinal,
  event,
});

const transform = (...records: unknown[]) => transformWith(clicks, records);

async function transformWith(declared: Contract, records: readonly unknown[]) {
  const handler = makeHandler({
    env: { ENVIRONMENT: 'dev' },
    platform: () => platform({ contracts: [declared] }),
    now: () => NOW,
  });
  const event = {
    records: records.map((record, i) => ({
      recordId: `r${i}`,
      data: Buffer.from(typeof record === 'string' ? record : JSON.stringify(record)).toString('base64'),
    })),
  };
  const answer = await handler(event as FirehoseTransformationEvent);
  return answer.records.map((record) => ({ ...record, text: Buffer.from(record.data, 'base64').toString() }));
}

it('takes a renamed column by a former name, the newest that the event has', async () => {
  const renamed = contract({
    ...clicks,
    columns: clicks.columns.map((c) =>
      c.name === 'at' ? { ...c, name: 'happened_at', previousNames: ['time', 'at'] } : c,
    ),
  });
  const [[first, second], times] = [['2026-11-20T01:00:00Z', '2026-11-20T02:00:00Z'], 1795136400000000];
  const [old, older, ahead] = await transformWith(renamed, [
    envelope({ id: 'e1', at: first }),
    envelope({ id: 'e2', time: first }),
    envelope({ id: 'e3', happened_at: second, at: first }),
  ]);
  expect([old, older].map(({ text }) => JSON.parse(text) as object)).toEqual([
    expect.objectContaining({ id: 'e1', happened_at: times }),
    expect.objectContaining({ id: 'e2', happened_at: times }),
  ]);
  expect(JSON.parse(ahead.text)).toMatchObject({ happened_at: times + 3_600_000_000 });
  expect(old.text).not.toContain('"at"');
  expect([old, ahead].map(({ text }) => JSON.parse(text) as object)).toEqual([
    expect.objectContaining({ _rest: null }),
    expect.objectContaining({ _rest: JSON.stringify({ at: first }) }),
  ]);
});

it('makes a row of bronze out of an event, every number digit for digit', async () => {
  const event = {
    id: 'e1',
    at: '2026-11-20T07:00:00.5+01:00',
    customer: '9007199254740993',
    price: 1.5,
    colour: 'red',
  };
  const [record] = await transform(envelope(event, 3));
  expect(record).toMatchObject({
    recordId: 'r0',
    result: 'Ok',
    metadata: {
      otfMetadata: { destinationDatabaseName: 'dev_bronze', destinationTableName: 'clicks', operation: 'insert' },
    },
  });
  expect(record.text).toBe(
    '{"id":"e1","at":1795154400500000,"customer":9007199254740993,"price":"1.50","_op":"upsert",' +
      '"_position":"0000.00000000001795154400123000.00000000000000000003","_committed_at":1795154400123000,' +
      '"_ingested_at":1795154400000000,"_missing":null,"_origin":"clicks/request/req/3","_previous_key":null,' +
      '"_rest":"{\\"colour\\":\\"red\\"}"}',
  );
});

it('gives null to a column that the event lacks', async () => {
  const [record] = await transform(envelope({ id: 'e1', at: '2026-11-20T07:00:00Z' }));
  expect(JSON.parse(record.text)).toMatchObject({ customer: null, price: null });
});

it.each<[string, object, string | null, string]>([
  ['a missing key', { at: '2026-11-20T07:00:00Z' }, 'id', 'id is missing; it is required'],
  ['a value of another type', { id: 7, at: '2026-11-20T07:00:00Z' }, 'id', 'id is 7; varchar(36) allows a string'],
  [
    'a time without a zone',
    { id: 'e', at: '2026-11-20T07:00:00' },
    'at',
    'at is "2026-11-20T07:00:00"; timestamptz allows a time with zone such as 2026-01-31T12:00:00.000Z',
  ],
])('quarantines %s with its reason', async (_, event, name, reason) => {
  const [record] = await transform(envelope(event, 1));
  expect(record).toMatchObject({
    result: 'Ok',
    metadata: { otfMetadata: { destinationDatabaseName: 'dev_quarantine', destinationTableName: 'rejected' } },
  });
  expect(JSON.parse(record.text)).toEqual({
    dataset: 'clicks',
    reason,
    column_name: name,
    payload: JSON.stringify(event),
    _position: '0000.00000000001795154400123000.00000000000000000001',
    _origin: 'request/req/1',
    _quarantined_at: 1795154400000000,
  });
});

it('hands back what is too long for quarantine, so that none of it is lost', async () => {
  const event = { id: 'e', at: 'never', note: 'x'.repeat(4000) };
  const [record] = await transform(envelope(event));
  expect(record).toMatchObject({ result: 'ProcessingFailed', text: JSON.stringify(envelope(event)) });
});

it('quarantines an event of a dataset without a contract', async () => {
  const [record] = await transform(envelope({}, 0, 'other'));
  expect(JSON.parse(record.text)).toMatchObject({ dataset: 'other', column_name: null });
});

it.each(['not json', '{}', { ...envelope({}), event: [] }, { ...envelope({}), ordinal: -1 }])(
  'hands back what is no envelope: %j',
  async (record) => {
    const [answer] = await transform(record);
    expect(answer).toMatchObject({ recordId: 'r0', result: 'ProcessingFailed' });
    expect(answer.text).toBe(typeof record === 'string' ? record : JSON.stringify(record));
  },
);

it('answers within Lambda’s limit, and hands back what does not fit', async () => {
  const small = Array.from({ length: 14_000 }, (_, i) => envelope({ id: `e${i}`, at: '2026-11-20T07:00:00Z' }, i));
  const answer = await transform(...small);
  expect(answer).toHaveLength(small.length);
  const size = JSON.stringify(answer.map((record) => ({ ...record, text: undefined }))).length;
  expect(size).toBeLessThan(6_000_000);
  const failed = answer.filter((record) => record.result === 'ProcessingFailed');
  expect(failed.length).toBeGreaterThan(0);
  expect(JSON.parse(failed[0].text)).toHaveProperty('event');
});

describe('a row that it made before', () => {
  const ahead = contract({ ...clicks, columns: [...clicks.columns, column('colour', { name: 'varchar', length: 9 })] });

  it('is passed on: columns that the event lacked are null, what was left over is taken', async () => {
    const [{ text }] = await transform(
      envelope({ id: 'e1', at: '2026-11-20T07:00:00Z', customer: '9007199254740993' }),
    );
    const [again] = await transform(text);
    expect(again.text).toBe(text);
    const [red] = await transform(envelope({ id: 'e1', at: '2026-11-20T07:00:00Z', colour: 'red' }));
    const rows = (await transformWith(ahead, [text, red.text])).map((record) => JSON.parse(record.text) as object);
    expect(rows).toEqual([
      expect.objectContaining({ colour: null, _missing: null, _rest: null }),
      expect.objectContaining({ colour: 'red', _missing: null, _rest: null }),
    ]);
  });

  it('is taken once more out of quarantine, as the event that it was', async () => {
    const event = { id: 'e1', at: '2026-11-20T07:00:00Z', price: '1234.50' };
    const [rejected] = await transform(envelope(event, 4));
    expect(rejected.metadata?.otfMetadata.destinationTableName).toBe('rejected');
    const columns = clicks.columns.map((c) =>
      c.name === 'price' ? { ...c, type: { name: 'decimal' as const, precision: 9, scale: 2 } } : c,
    );
    const [again] = await transformWith({ ...clicks, columns }, [rejected.text]);
    const [direct] = await transformWith({ ...clicks, columns }, [envelope(event, 4)]);
    expect(again.text).toBe(direct.text);
  });
});
