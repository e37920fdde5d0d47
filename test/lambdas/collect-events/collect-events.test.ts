import { FirehoseClient } from '@aws-sdk/client-firehose';
import fc from 'fast-check';
import { makeHandler } from '../../../lambdas/collect-events';
import { batches } from '../../../lambdas/shared/put';
import { awsError, fake, noSleep } from '../fakes';

beforeEach(() => jest.spyOn(console, 'log').mockImplementation(() => undefined));

const env = { STREAM_NAME: 'stream', DATASET: 'clicks' };
type Put = { DeliveryStreamName: string; Records: { Data: Uint8Array }[] };

/** Firehose that takes what `takes` says; `taken` lists the records as text. */
function setUp(takes: (index: number, attempt: number) => boolean = () => true) {
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
  const handler = makeHandler({ env, firehose, sleep: noSleep, now: () => new Date('2026-11-20T06:00:00.123Z') });
  const post = async (body: string | null, more: object = {}) => {
    const answer = await handler({ body, isBase64Encoded: false, requestContext: { requestId: 'req' }, ...more });
    return {
      status: answer.statusCode,
      headers: answer.headers,
      body: JSON.parse(answer.body) as Record<string, unknown>,
    };
  };
  return { firehose, taken, post };
}

it('puts each event in its envelope on the stream', async () => {
  const { post, taken, firehose } = setUp();
  await expect(post('[{"id":"a","n":1.50},{"id":"b"}]')).resolves.toMatchObject({
    status: 202,
    body: { accepted: 2, request_id: 'req' },
  });
  expect(firehose.sent[0].input.DeliveryStreamName).toBe('stream');
  const common = { dataset: 'clicks', received_at: 1795154400123000, request_id: 'req' };
  expect(taken.map((text) => JSON.parse(text) as unknown)).toEqual([
    { ...common, ordinal: 0, event: { id: 'a', n: 1.5 } },
    { ...common, ordinal: 1, event: { id: 'b' } },
  ]);
});

it('takes one event, and a body in base64', async () => {
  const { post } = setUp();
  await expect(post('{"id":"a"}')).resolves.toMatchObject({ status: 202, body: { accepted: 1 } });
  const body = Buffer.from('{"id":"é"}').toString('base64');
  await expect(post(body, { isBase64Encoded: true })).resolves.toMatchObject({ status: 202 });
});

it('sends again what was refused, and only that', async () => {
  const { post, taken } = setUp((index, attempt) => attempt >= 4 || index % 2 === 0);
  const events = Array.from({ length: 500 }, (_, i) => ({ i }));
  await expect(post(JSON.stringify(events))).resolves.toMatchObject({ status: 202, body: { accepted: 500 } });
  const numbers = taken.map((text) => (JSON.parse(text) as { ordinal: number }).ordinal);
  expect(numbers.sort((a, b) => a - b)).toEqual(events.map(({ i }) => i));
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

it.each<[string, string | null, number, string | RegExp]>([
  ['no body', null, 400, 'The body is empty; send one event as a JSON object, or an array of them'],
  ['white space', '  ', 400, 'The body is empty; send one event as a JSON object, or an array of them'],
  ['no JSON', '{"id":', 400, /^The body is no JSON: /],
  ['an empty array', '[]', 400, 'The body is an empty array; send at least one event'],
  ['a string', '"x"', 400, 'Event 0 is a string; each event is a JSON object'],
  ['null within', '[{},null]', 400, 'Event 1 is null; each event is a JSON object'],
  ['an array within', '[[1]]', 400, 'Event 0 is an array; each event is a JSON object'],
  [
    'a number that JSON readers round',
    '{"n":9007199254740993}',
    400,
    'The number 9007199254740993 has more digits than JSON readers keep; send it as a string',
  ],
  [
    'too many',
    JSON.stringify(Array(501).fill({})),
    413,
    'The body has 501 events; at most 500 are allowed: send several requests',
  ],
  [
    'a large one',
    JSON.stringify([{}, { x: 'x'.repeat(1_024_000) }]),
    413,
    /^Event 1 takes 1024\d+ bytes with its envelope; at most 1024000 are allowed$/,
  ],
])('refuses %s', async (_, body, status, error) => {
  const { post, firehose } = setUp();
  const answer = await post(body);
  expect(answer.status).toBe(status);
  expect(answer.body.error).toEqual(typeof error === 'string' ? error : expect.stringMatching(error));
  expect(firehose.sent).toEqual([]);
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
