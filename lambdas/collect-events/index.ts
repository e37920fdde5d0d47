import { FirehoseClient } from '@aws-sdk/client-firehose';
import type { APIGatewayProxyResult } from 'aws-lambda';
import { readEnv, text, type Variables } from '../shared/env';
import { log } from '../shared/log';
import { firehoseStream, putAll } from '../shared/put';
import { sleep, type Sleep } from '../shared/retry';
import { BadRequest, eventsOf, records, type CollectorEvent } from './request';

const environment = { STREAM_NAME: text, DATASET: text };

export interface Deps {
  readonly env: Variables;
  readonly firehose: FirehoseClient;
  readonly sleep: Sleep;
  readonly now: () => Date;
}

/**
 * Takes events and puts them on the stream. 202 means that all are taken; anything else, that the sender should
 * correct (400, 413) or repeat (503) the whole request. Whether an event keeps its contract is seen later: what breaks
 * it goes to quarantine.
 */
export const makeHandler =
  (deps: Deps) =>
  async (event: CollectorEvent): Promise<APIGatewayProxyResult> => {
    const config = readEnv(environment, deps.env);
    try {
      const events = eventsOf(event);
      const about = {
        dataset: config.DATASET,
        requestId: event.requestContext.requestId,
        receivedAt: deps.now().getTime() * 1000,
      };
      const stream = { ...firehoseStream(deps.firehose, config.STREAM_NAME), sleep: deps.sleep };
      await putAll(stream, records(events, about));
      return answer(202, { accepted: events.length, request_id: about.requestId });
    } catch (error) {
      if (error instanceof BadRequest) return answer(error.status, { error: error.message });
      log('events refused', { error: String(error) });
      return answer(
        503,
        { error: 'The stream did not take all events; send the request again' },
        { 'Retry-After': '1' },
      );
    }
  };

const answer = (statusCode: number, body: object, headers: Record<string, string> = {}): APIGatewayProxyResult => ({
  statusCode,
  headers: { 'Content-Type': 'application/json', ...headers },
  body: JSON.stringify(body),
});

export const handler = makeHandler({
  env: process.env,
  firehose: new FirehoseClient(),
  sleep,
  now: () => new Date(),
});
