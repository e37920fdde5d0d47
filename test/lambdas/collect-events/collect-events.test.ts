import { FirehoseClient } from '@aws-sdk/client-firehose';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import fc from 'fast-check';
import { makeHandler } from '../../../lambdas/collect-events';
import type { CollectorEvent } from '../../../lambdas/collect-events/request';
import { batches } from '../../../lambdas/shared/put';
import { awsError, column, contract, fake, noSleep, platform } from '../fakes';
import { request } from './request';

beforeEach(() => jest.spyOn(console, 'log').mockImplementation(() => undefined));

const env = { STREAM_NAME: 'stream', DATASET: 'clicks' };
const clicks = contract({
  dataset: 'clicks',
  key: ['id'],
  columns: [column('id', { name: 'varchar', length: 36 }, { required: true, previousNames: ['uuid'] })],
});
type Put = { DeliveryStreamName: string; Records: { Data: Uint8Array }[] };

/** Firehose that takes what `takes` says; `taken` lists the records as text. */
function setUp(takes: (index: number, attempt: number) => boolean = () => true, of = clicks) {
  const taken: string[] = [];
  let attempt = 0;
  const firehose = fake(new FirehoseClient({ region: 'us-east-1' }), {
    PutRecordBatch: ({ Records }: Put) => {
      attempt += 1;
      const RequestResponses = Records.map(({ Data }, i) => {
        if (!takes(i, attempt)) return { ErrorCode: 'ServiceUnavailableException' };
        taken.push(Buffer.from(Data).toString());
        return { RecordId: 'r' };
      });
      return { FailedPutCount: RequestResponses.filter((r) => 'ErrorCode' in r).length, RequestResponses };
    },
  });
  const handler = makeHandler({
    env,
    platform: () => platform({ contracts: [of], sources: [{ kind: 'collector', name: 'site', dataset: 'clicks' }] }),
    firehose,
    secrets: fake(new SecretsManagerClient({ region: 'us-east-1' }), {}),
    sleep: noSleep,
    now: () => new Date('2026-11-20T06:00:00.123Z'),
  });
  const post = async (body: string | null, more: Partial<CollectorEvent> = {}) => {
    const answer = await handler(request({ body, ...more }));
    return {
      status: answer.statusCode,
      headers: answer.headers,
      body: JSON.parse(answer.body) as Record<string, unknown>,
    };
  };
  const ordinals = () => taken.map((text) => (JSON.parse(text) as { ordinal: number }).ordinal);
  return { firehose, taken, ordinals, post };
}

it('puts each event in its envelope on the stream', async () => {
  const { post, taken, firehose } = setUp();
  await expect(post('[{"id":"a","n":1.50},{"id":"b"}]')).resolves.toMatchObject({
    status: 202,
    body: { accepted: 2, rejected: [], request_id: 'req' },
  });
  expect(firehose.sent[0].input.DeliveryStreamName).toBe('stream');
  const common = { dataset: 'clicks', received_at: 1795154400123000, request_id: 'req' };
  expect(taken.map((text) => JSON.parse(text) as unknown)).toEqual([
    { ...common, ordinal: 0, event: { id: 'a', n: 1.5 } },
    { ...common, ordinal: 1, event: { id: 'b' } },
  ]);
});

it.each<[string, string, Partial<CollectorEvent>, string[]]>([
  ['one object', '{"id":"a"}', {}, ['a']],
  ['an array', '[{"id":"a"},{"id":"b"}]', {}, ['a', 'b']],
  ['an object with events', ' {"events": [{"id":"a"},{"id":"b"}]}\n', {}, ['a', 'b']],
  ['an event that has a field of that name', '{"id":"a","events":3}', {}, ['a']],
  ['one object a line', '{"id":"a"}\r\n\n{"id":"b"}\n', {}, ['a', 'b']],
  ['text/plain, as sendBeacon sends it', '[{"id":"a"}]', { headers: { 'content-type': 'text/plain' } }, ['a']],
  ['base64', Buffer.from('{"id":"é"}').toString('base64'), { isBase64Encoded: true }, ['é']],
  ['a key by a former name', '{"uuid":"a"}', {}, ['a']],
])('takes %s', async (_, body, more, ids) => {
  const { post, taken } = setUp();
  await expect(post(body, more)).resolves.toMatchObject({ status: 202, body: { accepted: ids.length, rejected: [] } });
  const events = taken.map((text) => (JSON.parse(text) as { event: { id?: string; uuid?: string } }).event);
  expect(events.map(({ id, uuid }) => id ?? uuid)).toEqual(ids);
});

it('takes an object with events for one event when that is a column of the contract', async () => {
  const of = contract({ ...clicks, columns: [...clicks.columns, column('events', { name: 'varchar', length: 10 })] });
  const { post, taken } = setUp(() => true, of);
  await expect(post('{"id":"a","events":["x"]}')).resolves.toMatchObject({ status: 202, body: { accepted: 1 } });
  expect(taken).toHaveLength(1);
});

it('sends again what was refused, and only that', async () => {
  const { post, ordinals } = setUp((index, attempt) => attempt >= 4 || index % 2 === 0);
  const events = Array.from({ length: 500 }, (_, i) => ({ id: `e${i}` }));
  await expect(post(JSON.stringify(events))).resolves.toMatchObject({ status: 202, body: { accepted: 500 } });
  expect(ordinals().sort((a, b) => a - b)).toEqual(events.map((_, i) => i));
});

it('answers 503 when Firehose still refuses', async () => {
  const { post, firehose } = setUp(() => false);
  const answer = await post('{"id":"a"}');
  expect(answer).toMatchObject({ status: 503, headers: { 'Retry-After': '1' } });
  expect(firehose.sent).toHaveLength(6);
});

it('answers 503 when the stream can not be reached', async () => {
  const { post, firehose } = setUp();
  fake(firehose, {
    PutRecordBatch: () => {
      throw awsError('ServiceUnavailableException');
    },
  });
  await expect(post('{"id":"a"}')).resolves.toMatchObject({ status: 503 });
});

const empty = 'The body is empty; send events as JSON: an object, an array, or one object a line';

it.each<[string, string | null, number, string | RegExp]>([
  ['no body', null, 400, empty],
  ['white space', '  ', 400, empty],
  ['no JSON', '{"id":', 400, /^The body is no JSON: /],
  ['no JSON on several lines', '{\n"id": }', 400, /^The body is no JSON: /],
  ['an empty array', '[]', 400, 'The body has 0 events; send 1 to 500'],
  ['an empty list of events', '{"events":[]}', 400, 'The body has 0 events; send 1 to 500'],
  [
    'what stands beside the events, and would be lost',
    '{"events":[{"id":"a"}],"sent_at":"now"}',
    400,
    'The body has "sent_at" beside "events"; put it into each event',
  ],
  [
    'too many',
    JSON.stringify(Array(501).fill({ id: 'a' })),
    413,
    'The body has 501 events; at most 500 are allowed: send several requests',
  ],
  [
    'too many lines',
    '{"id":"a"}\n'.repeat(501),
    413,
    'The body has 501 events; at most 500 are allowed: send several requests',
  ],
  [
    'what no reader could follow',
    `[9007199254740993,${'['.repeat(50_000)}${']'.repeat(50_000)}]`,
    400,
    /nested too deeply$/,
  ],
])('refuses %s, whole', async (_, body, status, error) => {
  const { post, firehose } = setUp();
  const answer = await post(body);
  expect(answer.status).toBe(status);
  expect(answer.body.error).toEqual(typeof error === 'string' ? error : expect.stringMatching(error));
  expect(firehose.sent).toEqual([]);
});

const keyless = 'it is part of the key (id), which every event has';
const bad: [string, string, number, string | RegExp][] = [
  ['a string', '"x"', 400, 'it is a string; each event is a JSON object'],
  ['null', 'null', 400, 'it is null; each event is a JSON object'],
  ['an array', '[1]', 400, 'it is an array; each event is a JSON object'],
  ['a long number', '9007199254740993', 400, 'it is a number; each event is a JSON object'],
  ['an event without its key', '{"name":"x"}', 400, `id is missing; ${keyless}`],
  ['an event whose key is null', '{"uuid":null}', 400, `uuid is null; ${keyless}`],
  ['an event whose key is empty', '{"id":""}', 400, `id is ""; ${keyless}`],
  [
    'a number that JSON readers round',
    '{"id":"x","a":[{"n":9007199254740993}]}',
    400,
    'a[0].n is 9007199254740993, which has more digits than JSON readers keep; send it as a string',
  ],
  [
    'deep nesting',
    `{"id":"x","a":${'['.repeat(2000)}${']'.repeat(2000)}}`,
    400,
    /^a.*… is nested deeper than the 100 levels/,
  ],
  [
    'a large event',
    JSON.stringify({ id: 'x', x: 'x'.repeat(1_024_000) }),
    413,
    /^it takes 1024\d+ bytes with its envelope; at most 1024000 are allowed$/,
  ],
];

it.each(bad)('refuses %s, and takes the events around it', async (_, event, status, expected) => {
  const reason: unknown = typeof expected === 'string' ? expected : expect.stringMatching(expected);
  const { post, ordinals } = setUp();
  const answer = await post(`[{"id":"a"},${event},{"id":"b"}]`);
  expect(answer).toMatchObject({ status: 202, body: { accepted: 2, rejected: [{ index: 1, reason }] } });
  expect(ordinals()).toEqual([0, 2]);
  await expect(setUp().post(`[${event}]`)).resolves.toMatchObject({
    status,
    body: { error: 'No event was taken; rejected says why', accepted: 0, rejected: [{ index: 0, reason }] },
  });
});

it('refuses a line that is no JSON, and takes the lines around it', async () => {
  const { post, ordinals } = setUp();
  const answer = await post('{"id":"a"}\n{"id":\n{"id":"b"}');
  const rejected = [{ index: 1, reason: 'it is no JSON; send one JSON object a line' }];
  expect(answer).toMatchObject({ status: 202, body: { accepted: 2, rejected } });
  const counted = { message: 'events rejected', dataset: 'clicks', accepted: 2, rejected: 1, request_id: 'req' };
  expect(console.log).toHaveBeenCalledWith(counted);
  expect(ordinals()).toEqual([0, 2]);
});

it('says 202 only when Firehose took what was accepted, whatever was rejected', async () => {
  const { post } = setUp(() => false);
  await expect(post('[{"id":"a"},{}]')).resolves.toMatchObject({ status: 503 });
});

it('logs nothing of an event, and answers nothing of ours', async () => {
  const { post, firehose } = setUp();
  fake(firehose, {
    PutRecordBatch: () => {
      throw awsError('AccessDeniedException', 'role arn:aws:iam::1:role/x may not');
    },
  });
  const answer = await post('[{"id":"secret-id"},{"name":"secret-name"}]');
  expect(JSON.stringify(answer)).not.toMatch(/arn:|role/);
  expect(JSON.stringify(jest.mocked(console.log).mock.calls)).toContain('may not');
  expect(JSON.stringify(jest.mocked(console.log).mock.calls)).not.toContain('secret-');
});

it('cuts batches that Firehose takes, in order and whole', () => {
  const sizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 1_024_000 })), {
    maxLength: 40,
  });
  fc.assert(
    fc.property(sizes, fc.constantFrom(1, 40), (some, times) => {
      const records = Array.from({ length: times }, () => some)
        .flat()
        .map((n) => new Uint8Array(n));
      const cut = batches(records);
      expect(cut.flat()).toEqual(records);
      for (const batch of cut) {
        expect(batch.length).toBeGreaterThan(0);
        expect(batch.length).toBeLessThanOrEqual(500);
        expect(batch.reduce((sum, record) => sum + record.length, 0)).toBeLessThanOrEqual(4 * 1024 * 1024);
      }
    }),
    { numRuns: 20 },
  );
});
