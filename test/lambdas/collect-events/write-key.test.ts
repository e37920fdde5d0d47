import { FirehoseClient } from '@aws-sdk/client-firehose';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { makeHandler } from '../../../lambdas/collect-events';
import type { CollectorEvent } from '../../../lambdas/collect-events/request';
import type { Source } from '../../../lambdas/shared/source';
import { awsError, column, contract, fake, noSleep, platform } from '../fakes';
import { request } from './request';

beforeEach(() => jest.spyOn(console, 'log').mockImplementation(() => undefined));

const KEY = 'a-key-of-the-shop-0001';
const NEXT = 'a-key-of-the-shop-0002';
const SHOP = 'https://shop.example.com';
const BLOG = 'https://blog.example.com';

const collector = (dataset: string, origins: string[]): Source => ({
  kind: 'collector',
  name: dataset,
  dataset,
  access: { kind: 'write_key', origins },
});
const of = (dataset: string) =>
  contract({ dataset, key: ['id'], columns: [column('id', { name: 'varchar', length: 36 })] });

/** The collectors `clicks` (of the shop) and `reads` (of the blog), and `bills`, for which one needs IAM. */
function setUp(secret: () => string = () => JSON.stringify({ keys: [KEY, NEXT] })) {
  let now = Date.parse('2026-11-20T06:00:00Z');
  const secrets = fake(new SecretsManagerClient({ region: 'us-east-1' }), {
    GetSecretValue: ({ SecretId }: { SecretId: string }) => ({
      SecretString: SecretId === 'arn:clicks' ? secret() : JSON.stringify({ keys: ['a-key-of-the-blog-0001'] }),
    }),
  });
  const firehose = fake(new FirehoseClient({ region: 'us-east-1' }), { PutRecordBatch: () => ({ FailedPutCount: 0 }) });
  const handler = makeHandler({
    env: { STREAM_NAME: 'stream', WRITE_KEYS: JSON.stringify({ clicks: 'arn:clicks', reads: 'arn:reads' }) },
    platform: () =>
      platform({
        contracts: [of('clicks'), of('reads'), of('bills')],
        sources: [
          collector('clicks', [SHOP]),
          collector('reads', [BLOG]),
          { kind: 'collector', name: 'bills', dataset: 'bills' },
        ],
      }),
    firehose,
    secrets,
    sleep: noSleep,
    now: () => new Date(now),
  });
  const send = (headers: CollectorEvent['headers'], more: Partial<CollectorEvent> = {}) =>
    handler(request({ headers, pathParameters: { dataset: 'clicks' }, body: '{"id":"a"}', ...more }));
  return { send, secrets, firehose, pass: (milliseconds: number) => (now += milliseconds) };
}

const basic = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString('base64')}` });

it.each<[string, CollectorEvent['headers'], Partial<CollectorEvent>]>([
  ['the header X-Write-Key', { 'X-Write-Key': KEY }, {}],
  ['the header, in another case', { 'x-write-key': KEY }, {}],
  ['the user of Authorization: Basic', basic(`${KEY}:`), {}],
  [
    'the query, as sendBeacon can only',
    { 'content-type': 'text/plain' },
    { queryStringParameters: { write_key: KEY } },
  ],
  ['the second key', { 'X-Write-Key': NEXT }, {}],
])('takes the key from %s', async (_, headers, more) => {
  const { send, firehose } = setUp();
  await expect(send(headers, more)).resolves.toMatchObject({ statusCode: 202 });
  expect(firehose.sent).toHaveLength(1);
});

const wrong: [string, CollectorEvent['headers'], Partial<CollectorEvent>][] = [
  ['none', {}, {}],
  ['a wrong key', { 'X-Write-Key': 'a-key-of-the-shop-0003' }, {}],
  ['the beginning of a key', { 'X-Write-Key': KEY.slice(0, -1) }, {}],
  ['a key in the password', basic(`:${KEY}`), {}],
  ['what is not Basic', { authorization: `Bearer ${KEY}` }, {}],
  ['the key of another dataset', { 'X-Write-Key': 'a-key-of-the-blog-0001' }, {}],
  ['a dataset that there is not', { 'X-Write-Key': KEY }, { pathParameters: { dataset: 'nothing' } }],
  ['a property of every object', { 'X-Write-Key': KEY }, { pathParameters: { dataset: 'constructor' } }],
  ['a dataset for which one needs IAM', { 'X-Write-Key': KEY }, { pathParameters: { dataset: 'bills' } }],
  ['no dataset', { 'X-Write-Key': KEY }, { pathParameters: null }],
];

it.each(wrong)('answers 401 to %s, always in the same words, before it reads the body', async (_, headers, more) => {
  const { send, firehose } = setUp();
  const answer = await send(headers, { body: 'no JSON', ...more });
  expect(answer).toEqual({
    statusCode: 401,
    headers: { 'Content-Type': 'application/json', Vary: 'Origin' },
    body: JSON.stringify({
      error:
        'The write key is missing or wrong; send it in the header X-Write-Key, as the user of Authorization: Basic, or as the query parameter write_key',
    }),
  });
  expect(firehose.sent).toEqual([]);
});

it('looks at the secret once a minute, so that keys can be changed', async () => {
  let keys = [KEY];
  const { send, secrets, pass } = setUp(() => JSON.stringify({ keys }));
  const status = async (key: string) => (await send({ 'X-Write-Key': key })).statusCode;
  expect([await status(KEY), await status(KEY), await status(NEXT)]).toEqual([202, 202, 401]);
  expect(secrets.sent).toHaveLength(1);
  keys = [NEXT];
  pass(59_999);
  expect(await status(KEY)).toBe(202);
  pass(1);
  expect([await status(KEY), await status(NEXT)]).toEqual([401, 202]);
  expect(secrets.sent).toHaveLength(2);
});

it.each([
  ['nobody has filled', 'x7%random-text'],
  ['has no keys', '{"keys":[]}'],
  ['has a key that is too short', '{"keys":["short"]}'],
  ['has a key that no address may have', `{"keys":["${KEY}:&?"]}`],
])('answers 503 while the secret %s, and logs what to do, not what it holds', async (_, value) => {
  const { send } = setUp(() => value);
  const answer = await send({ 'X-Write-Key': KEY });
  expect(answer).toMatchObject({ statusCode: 503, headers: { 'Retry-After': '1' } });
  expect(answer.body).not.toContain('arn:');
  const logged = JSON.stringify(jest.mocked(console.log).mock.calls);
  expect(logged).toContain('aws secretsmanager put-secret-value --secret-id arn:clicks');
  expect(logged).not.toContain(JSON.stringify(value).slice(1, -1));
  expect(logged).not.toContain(KEY);
});

it('answers 503 when the secret can not be read, and remembers nothing of it', async () => {
  let down = true;
  const { send } = setUp(() => {
    if (down) throw awsError('InternalServiceError');
    return JSON.stringify({ keys: [KEY] });
  });
  await expect(send({ 'X-Write-Key': KEY })).resolves.toMatchObject({ statusCode: 503 });
  down = false;
  await expect(send({ 'X-Write-Key': KEY })).resolves.toMatchObject({ statusCode: 202 });
});

describe('origins', () => {
  const key = { 'X-Write-Key': KEY };

  it.each<[string, string, number, string | undefined]>([
    ['a declared one sends, and may read the answer', SHOP, 202, SHOP],
    ["another collector's may read that it may not send", BLOG, 403, BLOG],
    ['a foreign one may neither', 'https://shop.example.com.evil.example', 403, undefined],
    ['a sandboxed page is foreign', 'null', 403, undefined],
  ])('%s', async (_, origin, status, allowed) => {
    const { send, firehose } = setUp();
    const answer = await send({ ...key, Origin: origin });
    expect([answer.statusCode, answer.headers?.['Access-Control-Allow-Origin']]).toEqual([status, allowed]);
    expect(answer.headers?.Vary).toBe('Origin');
    expect(answer.headers).not.toHaveProperty('Access-Control-Allow-Credentials');
    expect(firehose.sent).toHaveLength(status === 202 ? 1 : 0);
  });

  it('a wrong key gets its 401 from any origin', async () => {
    const answer = await setUp().send({ 'X-Write-Key': 'a-key-of-nobody-000000', Origin: 'https://evil.example' });
    expect(answer.statusCode).toBe(401);
  });

  it.each([
    ['a declared origin', SHOP, 'clicks', true],
    ['a declared origin, for a dataset that there is not: the same', SHOP, 'nothing', true],
    ['a foreign origin', 'https://evil.example', 'clicks', false],
  ])('answers the preflight of %s', async (_, origin, dataset, allowed) => {
    const { send, secrets, firehose } = setUp();
    const answer = await send({ origin }, { httpMethod: 'OPTIONS', pathParameters: { dataset }, body: null });
    expect(answer).toEqual({
      statusCode: 204,
      headers: {
        Vary: 'Origin',
        ...(allowed && {
          'Access-Control-Allow-Origin': origin,
          'Access-Control-Allow-Methods': 'POST',
          'Access-Control-Allow-Headers': 'Authorization, Content-Type, X-Write-Key',
          'Access-Control-Max-Age': '7200',
        }),
      },
      body: '',
    });
    expect([...secrets.sent, ...firehose.sent]).toEqual([]);
  });
});
