import { FirehoseClient } from '@aws-sdk/client-firehose';
import { GlueClient } from '@aws-sdk/client-glue';
import { KinesisClient } from '@aws-sdk/client-kinesis';
import { S3Client } from '@aws-sdk/client-s3';
import { z } from 'zod';
import { json, readEnv, text, type Variables } from '../shared/env';
import { log } from '../shared/log';
import { parse } from '../shared/parse';
import { platform, type Platform } from '../shared/platform';
import { firehoseStream, type Stream } from '../shared/put';
import { sleep, type Sleep } from '../shared/retry';
import { hasGathered, startGathering } from './gather';
import { kinesisStream } from './kinesis';
import { keysOf } from './objects';
import { replayObject, type Unreadable } from './replay';
import { request, way, wayOf, type Way } from './request';

const environment = {
  ERRORS_BUCKET: text,
  /** Source name → the way of its records. */
  WAYS: json(z.record(z.string(), way)),
  /** Name of the Glue job that gathers rows of quarantine. */
  JOB: text,
};

/** Milliseconds after which a call begins no other object. */
const BUDGET = 20_000;
/** Unreadable lines that an answer names. */
const MOST_NAMED = 20;
/** A shard takes 1 MB a second, beside what DMS writes. */
const ATTEMPTS = 30;

export interface Deps {
  readonly env: Variables;
  readonly platform: () => Platform;
  readonly s3: S3Client;
  readonly glue: GlueClient;
  readonly kinesis: KinesisClient;
  readonly firehose: FirehoseClient;
  readonly sleep: Sleep;
  readonly now: () => Date;
}

/** What a call did. */
export interface Answer {
  readonly objects: number;
  readonly records: number;
  /** Lines that could not be read; they stay where they are. */
  readonly unreadable: number;
  /** The first of them. */
  readonly named: readonly Unreadable[];
  /** With what to ask again; undefined when all is done. With `run` alone a Glue job is still at work. */
  readonly next?: { readonly after?: string; readonly until?: string; readonly run?: string };
}

/**
 * Brings back what became no row, or one in part, of a source. First a Glue job gathers rows of quarantine and columns
 * that the contract lacked, as error objects beside Firehose's. Then each record of the source's error objects is put on
 * its stream again, and the object lies below `replayed/`. Positions order changes, so that an old one is harmless, and
 * one that comes twice is one: it may end anywhere and be asked again. Asked for what is not there, it answers `refused`.
 * @throws Error when a stream goes on refusing records, or a service can't be reached.
 */
export const makeHandler =
  (deps: Deps) =>
  async (event: unknown): Promise<Answer | { readonly refused: string }> => {
    const config = readEnv(environment, deps.env);
    const asked = parse('replay-records', request, event);
    const found = wayOf(asked, config.WAYS, deps.platform());
    if ('refused' in found) return found;

    const done = { objects: 0, records: 0, unreadable: 0, named: [] as Unreadable[] };
    const job = { glue: deps.glue, name: config.JOB };
    // What the job writes is newer than any `until` that somebody gives.
    if (!asked.dryRun && asked.after === undefined && asked.until === undefined) {
      const about = { errors: config.ERRORS_BUCKET, platform: deps.platform() };
      const run = asked.run ?? (await startGathering(job, asked, found, about));
      if (asked.run === undefined || !(await hasGathered(job, run))) return { ...done, next: { run } };
    }

    const begun = deps.now();
    // Not what comes while it is replayed: a record that fails again would go round and round.
    const until = asked.until === undefined || new Date(asked.until) > begun ? begun : new Date(asked.until);
    const since = asked.since === undefined ? undefined : new Date(asked.since);
    const stream = asked.dryRun ? undefined : streamOf(found, deps);
    const errors = { s3: deps.s3, bucket: config.ERRORS_BUCKET };
    let next: Answer['next'];
    for await (const key of keysOf(errors, { prefix: found.prefix, after: asked.after, since, until })) {
      const { records, unreadable } = await replayObject(errors, key, stream);
      if (records > 0) done.objects += 1;
      done.records += records;
      done.unreadable += unreadable.length;
      done.named.push(...unreadable.slice(0, MOST_NAMED - done.named.length));
      if (deps.now().getTime() - begun.getTime() < BUDGET) continue;
      next = { after: key, until: until.toISOString() };
      break;
    }
    log('records replayed', { source: asked.source, dryRun: asked.dryRun ?? false, ...done });
    return { ...done, ...(next && { next }) };
  };

const streamOf = ({ kind, stream }: Way, { kinesis, firehose, sleep }: Deps): Stream => ({
  ...(kind === 'kinesis' ? kinesisStream(kinesis, stream) : firehoseStream(firehose, stream)),
  sleep,
  attempts: ATTEMPTS,
});

const firehose = new FirehoseClient();

export const handler = makeHandler({
  env: process.env,
  platform,
  s3: new S3Client(),
  glue: new GlueClient(),
  // HTTP/1.1 as all others: its own handler speaks HTTP/2, which the local emulator does not.
  kinesis: new KinesisClient({ requestHandler: firehose.config.requestHandler }),
  firehose,
  sleep,
  now: () => new Date(),
});
