import type { FirehoseTransformationEvent } from 'aws-lambda';
import { reader } from '../shared/columns';
import { envelope } from '../shared/envelope';
import { readEnv, text, type Variables } from '../shared/env';
import { asFinished, asRejected, passOn } from '../shared/finished';
import { answer, type Outcome, type TransformedRecord } from '../shared/firehose';
import { log } from '../shared/log';
import { parseLossless } from '../shared/lossless';
import { parse } from '../shared/parse';
import { platform, type Platform } from '../shared/platform';
import { envelopeOf, toRow } from './row';

const environment = { ENVIRONMENT: text };

export interface Deps {
  readonly env: Variables;
  readonly platform: () => Platform;
  readonly now: () => Date;
}

/**
 * Turns the stream's records into rows for Iceberg tables, each with its destination. What breaks its contract becomes
 * a row of quarantine. What is no envelope of ours comes back as it is (`ProcessingFailed`).
 *
 * A row that it made before and that comes back (`npm run ops -- replay`) is passed on, by the contract as it is now; of
 * a row of quarantine the event is taken once more.
 */
export const makeHandler =
  (deps: Deps) =>
  (event: FirehoseTransformationEvent): Promise<{ records: TransformedRecord[] }> => {
    const config = readEnv(environment, deps.env);
    const readers = new Map(deps.platform().contracts.map((contract) => [contract.dataset, reader(contract)]));
    const to = { environment: config.ENVIRONMENT, now: deps.now() };
    const again = { readers, form: (_: unknown, value: unknown) => value, partial: false };
    const take = (value: unknown, json: string): Outcome => {
      const finished = asFinished(value);
      if (finished) return passOn(finished, json, again, to);
      const rejected = asRejected(value);
      const payload = rejected && parseLossless(rejected.payload);
      if (asFinished(payload)) return take(payload, rejected?.payload ?? '');
      const taken = parse('record', envelope, rejected ? envelopeOf(rejected, payload) : value);
      return toRow(readers.get(taken.dataset), taken, to);
    };
    const { records, counts } = answer(event.records, take);
    log('events transformed', { ...counts });
    return Promise.resolve({ records });
  };

export const handler = makeHandler({ env: process.env, platform, now: () => new Date() });
