import type { FirehoseTransformationEvent } from 'aws-lambda';
import { readEnv, text, type Variables } from '../shared/env';
import { answer, type TransformedRecord } from '../shared/firehose';
import { log } from '../shared/log';
import { parse } from '../shared/parse';
import { platform, type Platform } from '../shared/platform';
import { record } from './record';
import { routeOf } from './route';
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
 */
export const makeHandler =
  (deps: Deps) =>
  (event: FirehoseTransformationEvent): Promise<{ records: TransformedRecord[] }> => {
    const config = readEnv(environment, deps.env);
    const route = routeOf(deps.platform(), config.SOURCE);
    const to = { environment: config.ENVIRONMENT, now: deps.now() };
    const { records, counts } = answer(event.records, (value, json, from) =>
      toRow(route, { record: parse('record', record, value), text: json, origin: originOf(from) }, to),
    );
    log('changes transformed', { source: config.SOURCE, ...counts });
    return Promise.resolve({ records });
  };

export const handler = makeHandler({ env: process.env, platform, now: () => new Date() });
