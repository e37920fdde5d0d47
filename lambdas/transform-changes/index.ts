import type { FirehoseTransformationEvent } from 'aws-lambda';
import { readEnv, text, type Variables } from '../shared/env';
import { asFinished, asRejected, passOn } from '../shared/finished';
import { answer, type Outcome, type TransformedRecord } from '../shared/firehose';
import { log } from '../shared/log';
import { parseLossless } from '../shared/lossless';
import { parse } from '../shared/parse';
import { platform, type Platform } from '../shared/platform';
import { form } from './form';
import { record } from './record';
import { ofEpoch, routeOf } from './route';
import { originOf, toRow } from './row';

/** `SOURCE` names the database source whose changes the stream has. */
const environment = { ENVIRONMENT: text, SOURCE: text };

export interface Deps {
  readonly env: Variables;
  readonly platform: () => Platform;
  readonly now: () => Date;
}

/**
 * Turns changes of a database, as DMS writes them to a Kinesis stream, into rows of bronze, each with its destination.
 * What breaks its contract, or has none, becomes a row of quarantine; what can't be read, or has no order, comes back as
 * it is (`ProcessingFailed`). Its log entry `changes transformed` has the counts.
 *
 * A row that it made before and that comes back (`npm run ops -- replay`) is passed on, by the contract as it is now; of
 * a row of quarantine the payload is taken once more. Both keep their origin.
 */
export const makeHandler =
  (deps: Deps) =>
  (event: FirehoseTransformationEvent): Promise<{ records: TransformedRecord[] }> => {
    const config = readEnv(environment, deps.env);
    const route = routeOf(deps.platform(), config.SOURCE);
    const to = { environment: config.ENVIRONMENT, now: deps.now() };
    const again = { readers: route.readers, form, partial: true };
    const take = (value: unknown, json: string, origin: () => string, way = route): Outcome => {
      const finished = asFinished(value);
      if (finished) return passOn(finished, json, again, to);
      const rejected = asRejected(value);
      if (!rejected) return toRow(way, { record: parse('record', record, value), text: json, origin: origin() }, to);
      const { payload, _position, _origin } = rejected;
      return take(parseLossless(payload), payload, () => _origin, _position === null ? way : ofEpoch(way, _position));
    };
    const { records, counts } = answer(event.records, (value, json, from) => take(value, json, () => originOf(from)));
    log('changes transformed', { source: config.SOURCE, ...counts });
    return Promise.resolve({ records });
  };

export const handler = makeHandler({ env: process.env, platform, now: () => new Date() });
