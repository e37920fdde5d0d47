import type { FirehoseTransformationEvent } from 'aws-lambda';
import { reader } from '../shared/columns';
import { envelope } from '../shared/envelope';
import { readEnv, text, type Variables } from '../shared/env';
import { answer, type TransformedRecord } from '../shared/firehose';
import { log } from '../shared/log';
import { parse } from '../shared/parse';
import { platform, type Platform } from '../shared/platform';
import { toRow } from './row';

const environment = { ENVIRONMENT: text };

export interface Deps {
  readonly env: Variables;
  readonly platform: () => Platform;
  readonly now: () => Date;
}

/**
 * Turns the stream's records into rows for Iceberg tables, each with its destination. What breaks its contract becomes
 * a row of quarantine. What is no envelope of ours comes back as it is (`ProcessingFailed`).
 */
export const makeHandler =
  (deps: Deps) =>
  (event: FirehoseTransformationEvent): Promise<{ records: TransformedRecord[] }> => {
    const config = readEnv(environment, deps.env);
    const readers = new Map(deps.platform().contracts.map((contract) => [contract.dataset, reader(contract)]));
    const to = { environment: config.ENVIRONMENT, now: deps.now() };
    const { records, counts } = answer(event.records, (value) => {
      const taken = parse('record', envelope, value);
      return toRow(readers.get(taken.dataset), taken, to);
    });
    log('events transformed', { ...counts });
    return Promise.resolve({ records });
  };

export const handler = makeHandler({ env: process.env, platform, now: () => new Date() });
