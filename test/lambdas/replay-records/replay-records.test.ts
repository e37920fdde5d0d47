import { Readable } from 'node:stream';
import { FirehoseClient } from '@aws-sdk/client-firehose';
import { GlueClient } from '@aws-sdk/client-glue';
import { KinesisClient } from '@aws-sdk/client-kinesis';
import { S3Client } from '@aws-sdk/client-s3';
import fc from 'fast-check';
import { makeHandler, type Answer } from '../../../lambdas/replay-records';
import { awsError, fake, noSleep, platform } from '../fakes';

beforeEach(() => jest.spyOn(console, 'log').mockImplementation(() => undefined));

const NOW = new Date('2026-11-20T06:00:00Z');
const EARLIER = new Date('2026-11-19T06:00:00Z');
const PREFIX = 'changes/depot/';
const ways = {
  depot: { prefix: PREFIX, kind: 'kinesis', stream: 'depot-stream' },
  clicks: { prefix: 'firehose/', kind: 'firehose', stream: 'events' },
};
const depot = (epoch: number) =>
  platform({
    sources: [
      {
        kind: 'database',
        name: 'depot',
        engine: 'postgres',
        database: 'd',
        schema: 's',
        datasets: ['parcels', 'letters'],
        capture: { epoch },
      },
    ],
  });

/** A line as Firehose writes it. */
const line = (record: string): string =>
  JSON.stringify({ attemptsMade: 4, errorCode: 'x', rawData: Buffer.from(record).toString('base64') });

interface Given {
  /** Whether Kinesis takes the `index`th record of a call. */
  readonly takes?: (index: number, call: number) => boolean;
  readonly epoch?: number;
  /** Milliseconds that pass with each look at the clock. */
  readonly pace?: number;
  /** States of the run of the Glue job, one for each look at it. */
  readonly states?: string[];
  /** Throws when S3 is asked for it. */
  readonly s3?: (name: string) => void;
}

/** An errors bucket with objects, key → text, and the streams; `put` has what came, as text. */
function setUp(
  texts: Record<string, string>,
  { takes = () => true, epoch = 1, pace = 0, states = [], s3: ask = () => undefined }: Given = {},
) {
  const objects = new Map(Object.entries(texts).map(([key, text]) => [key, { text, at: EARLIER }]));
  const put: string[] = [];
  let [calls, time] = [0, NOW.getTime()];
  const of = (key: string) => {
    const found = objects.get(key);
    if (!found) throw awsError('NoSuchKey');
    return found;
  };
  const s3 = fake(new S3Client({ region: 'us-east-1' }), {
    ListObjectsV2: ({ Prefix, StartAfter = '' }: { Prefix: string; StartAfter?: string }) => {
      const keys = [...objects.keys()].filter((key) => key.startsWith(Prefix) && key > StartAfter).sort();
      const Contents = keys.slice(0, 2).map((Key) => ({ Key, LastModified: of(Key).at }));
      return { Contents, IsTruncated: keys.length > 2 };
    },
    GetObject: ({ Key }: { Key: string }) => {
      ask('GetObject');
      const bytes = Buffer.from(of(Key).text);
      // Cut where no character ends, as a network does.
      return { Body: Readable.from(bytes.length > 3 ? [bytes.subarray(0, 3), bytes.subarray(3)] : [bytes]) };
    },
    CopyObject: ({ Key, CopySource }: { Key: string; CopySource: string }) => {
      ask('CopyObject');
      objects.set(Key, { ...of(decodeURIComponent(CopySource.replace('errors/', ''))), at: NOW });
    },
    DeleteObject: ({ Key }: { Key: string }) => void objects.delete(Key),
    PutObject: ({ Key, Body }: { Key: string; Body: string }) => void objects.set(Key, { text: Body, at: NOW }),
  });
  type Records = { Records: { Data: Uint8Array; PartitionKey: string }[] };
  const take = ({ Records }: Records) => {
    calls += 1;
    return Records.map(({ Data }, i) => {
      if (!takes(i, calls)) return { ErrorCode: 'ProvisionedThroughputExceededException' };
      put.push(Buffer.from(Data).toString());
      return {};
    });
  };
  const failed = (results: object[]) => results.filter((result) => 'ErrorCode' in result).length;
  const kinesis = fake(new KinesisClient({ region: 'us-east-1' }), {
    PutRecords: (asked: Records) => {
      const results = take(asked);
      return { Records: results, FailedRecordCount: failed(results) };
    },
  });
  const firehose = fake(new FirehoseClient({ region: 'us-east-1' }), {
    PutRecordBatch: (asked: Records) => {
      const results = take(asked);
      return { RequestResponses: results, FailedPutCount: failed(results) };
    },
  });
  const glue = fake(new GlueClient({ region: 'us-east-1' }), {
    StartJobRun: () => ({ JobRunId: 'jr_1' }),
    GetJobRun: () => ({ JobRun: { JobRunState: states.shift() ?? 'SUCCEEDED', ErrorMessage: 'no table' } }),
  });
  const handler = makeHandler({
    env: { ERRORS_BUCKET: 'errors', WAYS: JSON.stringify(ways), JOB: 'replay_rows' },
    platform: () => depot(epoch),
    ...{ s3, glue, kinesis, firehose, sleep: noSleep },
    now: () => new Date((time += pace) - pace),
  });
  const call = (more: object = {}) => handler({ source: 'depot', ...more }) as Promise<Answer>;
  /** As the command asks: on and on while the Glue job is at work. */
  const replay = async (more: object = {}): Promise<Answer> => {
    let told = await call(more);
    while (told.next?.run) told = await call({ ...more, ...told.next });
    return told;
  };
  return { call, replay, put, objects, s3, glue, kinesis, firehose };
}

it('puts the records of error objects on the stream of the source, then moves the objects', async () => {
  const key = `${PREFIX}processing-failed/2026/11/19/s-1-é +`;
  const { replay, put, objects, kinesis } = setUp({
    [key]: `${line('{"a":"ü"}')}\n${line('{"b":2}')}\n`,
    'firehose/other': line('{}'),
  });
  await expect(replay()).resolves.toEqual({ objects: 1, records: 2, unreadable: 0, named: [] });
  expect(put).toEqual(['{"a":"ü"}', '{"b":2}']);
  expect(kinesis.sent[0].input).toMatchObject({ StreamName: 'depot-stream' });
  expect([...objects.keys()].sort()).toEqual(['firehose/other', `replayed/${key}`]);
  await expect(replay()).resolves.toMatchObject({ objects: 0, records: 0 });
});

it('lets the job gather what lies in quarantine, and waits for it', async () => {
  const { call, put, glue } = setUp({ [`${PREFIX}a`]: line('1') }, { states: ['RUNNING', 'SUCCEEDED'] });
  const nothing = { objects: 0, records: 0, unreadable: 0, named: [], next: { run: 'jr_1' } };
  await expect(call({ since: '2026-11-19T00:00:00Z' })).resolves.toEqual(nothing);
  expect(glue.sent[0].input).toMatchObject({
    JobName: 'replay_rows',
    Arguments: {
      '--datasets': 'parcels,letters',
      '--schema': 's',
      '--errors': 'errors',
      '--prefix': PREFIX,
      '--since': '2026-11-19T00:00:00Z',
    },
  });
  await expect(call({ run: 'jr_1' })).resolves.toEqual(nothing);
  expect(put).toEqual([]);
  await expect(call({ run: 'jr_1' })).resolves.toMatchObject({ records: 1 });
  expect(glue.sent).toHaveLength(3);
});

it('searches the datasets that are named, and refuses those that the source has not', async () => {
  const { call, glue } = setUp({}, { states: ['RUNNING'] });
  await call({ datasets: ['letters'] });
  expect(glue.sent[0].input).toMatchObject({ Arguments: { '--datasets': 'letters' } });
  await expect(call({ datasets: ['letters', 'stamps'] })).resolves.toEqual({
    refused: 'dataset is "stamps"; depot has: parcels, letters',
  });
  expect(glue.sent).toHaveLength(1);
});

it('replays nothing when the job failed, and says why', async () => {
  const { replay, put } = setUp({ [`${PREFIX}a`]: line('1') }, { states: ['FAILED'] });
  await expect(replay()).rejects.toThrow('Run jr_1 of Glue job replay_rows ended as FAILED: no table');
  expect(put).toEqual([]);
});

it('puts events on their Firehose stream', async () => {
  const { replay, put, firehose } = setUp({ 'firehose/iceberg-failed/x': line('{"_op":"upsert"}') });
  await expect(replay({ source: 'clicks' })).resolves.toMatchObject({ records: 1 });
  expect(put).toEqual(['{"_op":"upsert"}']);
  expect(firehose.sent[0].input).toMatchObject({ DeliveryStreamName: 'events' });
});

describe('of any error objects', () => {
  const good = fc.json().map((record) => ({ text: line(record), record }));
  const bad = fc
    .constantFrom('{', 'null', '[]', '{"rawData":7}', '{"rawData":"***"}', '{"rawData":""}', '{}', '\ufffd', 'x')
    .map((text) => ({ text, record: undefined }));
  const lines = fc.array(fc.oneof({ weight: 3, arbitrary: good }, bad), { maxLength: 6 });
  const given = fc.dictionary(fc.stringMatching(/^[a-z ?%é/]{1,8}$/), lines, { maxKeys: 6 });
  const texts = (of: Record<string, { text: string }[]>) =>
    Object.fromEntries(Object.entries(of).map(([key, all]) => [PREFIX + key, all.map(({ text }) => text).join('\n')]));
  const records = (of: Record<string, { record?: string }[]>) =>
    Object.values(of).flatMap((all) => all.flatMap(({ record }) => (record === undefined ? [] : [record])));

  it('each record comes back once; an unreadable line is named and stays, alone; in slices as in one', async () => {
    await fc.assert(
      fc.asyncProperty(given, fc.boolean(), async (objects, sliced) => {
        const world = setUp(texts(objects), { pace: sliced ? 60_000 : 0 });
        let told = await world.replay();
        const named = [...told.named];
        while (told.next) {
          told = await world.replay(told.next);
          named.push(...told.named);
        }
        expect([...world.put].sort()).toEqual(records(objects).sort());
        const lost = Object.entries(objects).flatMap(([key, all]) =>
          all.flatMap(({ record }, i) => (record === undefined ? [`${PREFIX}${key}:${i + 1}`] : [])),
        );
        expect(named.map(({ key, line }) => `${key}:${line}`).sort()).toEqual(lost.sort());
        for (const [key, all] of Object.entries(objects)) {
          const left = all.filter(({ record }) => record === undefined).map(({ text }) => text);
          const there =
            world.objects
              .get(PREFIX + key)
              ?.text.split('\n')
              .filter(Boolean) ?? [];
          expect(there).toEqual(left);
        }
      }),
    );
  });

  it('each record comes back at least once, however often it breaks off', async () => {
    const breaks = fc.array(fc.boolean(), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(given, breaks, async (objects, broken) => {
        const left = [...broken];
        const s3 = () => {
          if (left.shift()) throw awsError('InternalError');
        };
        const world = setUp(texts(objects), { s3 });
        let ended = false;
        while (!ended)
          ended = await world.replay().then(
            () => true,
            () => false,
          );
        expect(new Set(world.put)).toEqual(new Set(records(objects)));
      }),
    );
  });
});

it('moves nothing when an object breaks off while it is read', async () => {
  const world = setUp({ [`${PREFIX}a`]: line('1') });
  const body = Readable.from(
    (function* () {
      yield Buffer.from(`${line('1')}\n${line('2').slice(0, 9)}`);
      throw new Error('aborted');
    })(),
  );
  fake(world.s3, {
    ListObjectsV2: () => ({ Contents: [{ Key: `${PREFIX}a`, LastModified: EARLIER }] }),
    GetObject: () => ({ Body: body }),
  });
  await expect(world.replay()).rejects.toThrow('aborted');
  expect([...world.objects.keys()]).toEqual([`${PREFIX}a`]);
});

it('puts again what a stream refused, and moves nothing while one record is refused', async () => {
  const text = [1, 2, 3].map((n) => line(String(n))).join('\n');
  const slow = setUp({ [`${PREFIX}a`]: text }, { takes: (i, call) => i > 0 || call > 3 });
  await expect(slow.replay()).resolves.toMatchObject({ records: 3 });
  expect(slow.put.sort()).toEqual(['1', '2', '3']);
  const shut = setUp({ [`${PREFIX}a`]: text }, { takes: (i) => i > 0 });
  await expect(shut.replay()).rejects.toThrow(/Kinesis refused 1 of 3 records/);
  expect([...shut.objects.keys()]).toEqual([`${PREFIX}a`]);
});

it('leaves out what is older, what is newer, and what comes while it replays', async () => {
  const { replay, put, objects } = setUp({
    [`${PREFIX}a`]: line('1'),
    [`${PREFIX}b`]: line('2'),
    [`${PREFIX}c`]: line('3'),
  });
  objects.set(`${PREFIX}b`, { text: line('2'), at: NOW });
  objects.set(`${PREFIX}c`, { text: line('3'), at: new Date('2026-11-18T06:00:00Z') });
  await replay({ since: '2026-11-19T00:00:00Z', until: '2026-11-21T00:00:00Z' });
  expect(put).toEqual(['1']);
});

it('changes nothing when it is dry', async () => {
  const { replay, put, objects } = setUp({ [`${PREFIX}a`]: `${line('1')}\n?` });
  await expect(replay({ dryRun: true })).resolves.toMatchObject({ objects: 1, records: 1, unreadable: 1 });
  expect(put).toEqual([]);
  expect([...objects.keys()]).toEqual([`${PREFIX}a`]);
});

it('names a record that no stream takes, and goes on', async () => {
  const { replay, put } = setUp({ [`${PREFIX}a`]: [line('x'.repeat(1_024_001)), line('1')].join('\n') });
  const reason = 'has a record of 1024001 bytes; Firehose takes 1024000';
  await expect(replay()).resolves.toMatchObject({ records: 1, named: [{ key: `${PREFIX}a`, line: 1, reason }] });
  expect(put).toEqual(['1']);
});

it('refuses what it does not know, and records of an older epoch', async () => {
  const { replay } = setUp({});
  await expect(replay({ source: 'toString' })).resolves.toEqual({
    refused: 'source is "toString"; sources with a stream are: depot, clicks',
  });
  const second = setUp({ [`${PREFIX}a`]: line('1') }, { epoch: 2 });
  await expect(second.replay()).resolves.toEqual({
    refused: expect.stringMatching(/^depot is in epoch 2, .* give since/) as string,
  });
  expect(second.put).toEqual([]);
  await expect(second.replay({ since: '2026-11-19T00:00:00Z' })).resolves.toMatchObject({ records: 1 });
});
