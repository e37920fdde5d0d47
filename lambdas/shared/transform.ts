import type { FirehoseTransformationEvent } from 'aws-lambda';
import { z } from 'zod';
import type { Taking } from './bronze-row';
import { readEnv, text, type Variables } from './env';
import { asFinished, asRejected, passOn, type RejectedRow, type Rereading } from './finished';
import { answer, type Outcome, type StreamRecord, type TransformedRecord } from './firehose';
import { log } from './log';
import { parseLossless } from './lossless';
import { platform, type Platform } from './platform';

export interface TransformDeps {
  readonly env: Variables;
  readonly platform: () => Platform;
  readonly now: () => Date;
}

/** How the records of a stream become rows. */
export interface Making {
  /** The row of a record as it came (JSON, and its text). */
  readonly fresh: (value: unknown, json: string, from: StreamRecord) => Outcome;
  /** The row of a payload of quarantine, taken once more with what quarantine knows of it. */
  readonly rejected: (payload: unknown, row: RejectedRow) => Outcome;
  /** How rows that were made before are read again. */
  readonly again: Rereading;
  /** What its log entry names beside the counts. */
  readonly about?: Readonly<Record<string, unknown>>;
}

/**
 * The handler that Firehose asks to make rows of a stream's records, each with its destination. What can't be read comes
 * back as it is (`ProcessingFailed`).
 *
 * A row that it made before and that comes back (`npm run ops -- replay`) is passed on, by the contract as it is now; of
 * a row of quarantine the payload is taken once more. Both keep their position and origin. What quarantine has, and would
 * get again for the same reason, is dropped.
 * @param told its log entry, which has the counts
 * @param variables environment variables beside `ENVIRONMENT`, the name of the environment
 * @param prepare is called once for each event, and what it throws fails the event
 */
export const transformer =
  <S extends z.ZodRawShape>(
    told: string,
    variables: S,
    prepare: (platform: Platform, to: Taking, config: z.infer<z.ZodObject<S>>) => Making,
  ) =>
  (deps: TransformDeps) =>
  (event: FirehoseTransformationEvent): Promise<{ records: TransformedRecord[] }> => {
    const to = { environment: readEnv({ ENVIRONMENT: text }, deps.env).ENVIRONMENT, now: deps.now() };
    const { fresh, rejected, again, about } = prepare(deps.platform(), to, readEnv(variables, deps.env));
    const { records, counts } = answer(event.records, (value, json, from) => {
      const finished = asFinished(value);
      if (finished) return passOn(finished, json, again, to);
      const row = asRejected(value);
      if (!row) return fresh(value, json, from);
      const payload = parseLossless(row.payload);
      const made = asFinished(payload);
      const outcome = made ? passOn(made, row.payload, again, to) : rejected(payload, row);
      return row._kept && isSame(outcome, row) ? 'dropped' : outcome;
    });
    log(told, { ...about, ...counts });
    return Promise.resolve({ records });
  };

const isSame = (outcome: Outcome, { reason }: RejectedRow): boolean =>
  typeof outcome === 'object' && 'rejected' in outcome && outcome.rejected === reason;

/** What a deployed transform works with. */
export const deployed: TransformDeps = { env: process.env, platform, now: () => new Date() };
