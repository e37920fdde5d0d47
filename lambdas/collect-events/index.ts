import { FirehoseClient } from '@aws-sdk/client-firehose';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type { APIGatewayProxyResult } from 'aws-lambda';
import { z } from 'zod';
import { reader } from '../shared/columns';
import { json, readEnv, text, type Variables } from '../shared/env';
import { log } from '../shared/log';
import { platform, type Platform } from '../shared/platform';
import { firehoseStream, putAll } from '../shared/put';
import { sleep, type Sleep } from '../shared/retry';
import { admit, corsHeaders, keyedCollectors } from './browser';
import { judge } from './judge';
import { keyCheck } from './keys';
import { Refusal } from './refusal';
import { eventsOf, type CollectorEvent } from './request';

const environment = {
  STREAM_NAME: text,
  /** The dataset of callers whom API Gateway knows by IAM; without it, callers have a write key. */
  DATASET: text.optional(),
  /** Dataset → ARN of the secret with its write keys. */
  WRITE_KEYS: json(z.record(z.string(), z.string())).prefault('{}'),
};

export interface Deps {
  readonly env: Variables;
  readonly platform: () => Platform;
  readonly firehose: FirehoseClient;
  readonly secrets: SecretsManagerClient;
  readonly sleep: Sleep;
  readonly now: () => Date;
}

/**
 * Takes events and puts them on the stream.
 *
 * - 202: all but those in `rejected` are on the stream; these are refused again if they are sent again as they are.
 * - 400, 413: nothing is taken; the request, or each of its events, must be corrected.
 * - 401, 403: nothing is taken; the write key, or the page's origin.
 * - 503: send all again. Some may be on the stream already: an event sent twice is one event.
 */
export const makeHandler = (deps: Deps) => {
  const check = keyCheck(deps.secrets, deps.now);
  return async (event: CollectorEvent): Promise<APIGatewayProxyResult> => {
    const config = readEnv(environment, deps.env);
    const { contracts, sources } = deps.platform();
    const keyed = config.DATASET === undefined ? keyedCollectors(sources) : [];
    const headers = config.DATASET === undefined ? corsHeaders(event, keyed) : {};
    if (event.httpMethod === 'OPTIONS') return { statusCode: 204, headers, body: '' };
    const request_id = event.requestContext.requestId;
    try {
      const dataset = config.DATASET ?? (await admit(event, keyed, config.WRITE_KEYS, check));
      const contract = contracts.find((one) => one.dataset === dataset);
      if (!contract) throw new Error(`${dataset} has no contract in this bundle; deploy the stack again`);
      const about = { dataset, received_at: deps.now().getTime() * 1000, request_id };
      const { records, rejected, onlyTooLarge } = judge(eventsOf(event, contract), reader(contract), about);
      const told = { accepted: records.length, rejected, request_id };
      if (rejected.length > 0) log('events rejected', { dataset, ...told, rejected: rejected.length });
      if (records.length === 0) {
        return answer(onlyTooLarge ? 413 : 400, { error: 'No event was taken; rejected says why', ...told }, headers);
      }
      await putAll({ ...firehoseStream(deps.firehose, config.STREAM_NAME), sleep: deps.sleep }, records);
      return answer(202, told, headers);
    } catch (error) {
      if (error instanceof Refusal) return answer(error.status, { error: error.message }, headers);
      log('events refused', { error: String(error), request_id });
      const again = { error: 'The events could not be taken; send the request again', request_id };
      return answer(503, again, { ...headers, 'Retry-After': '1' });
    }
  };
};

const answer = (statusCode: number, body: object, headers: Record<string, string>): APIGatewayProxyResult => ({
  statusCode,
  headers: { 'Content-Type': 'application/json', ...headers },
  body: JSON.stringify(body),
});

export const handler = makeHandler({
  env: process.env,
  platform,
  firehose: new FirehoseClient(),
  secrets: new SecretsManagerClient(),
  sleep,
  now: () => new Date(),
});
