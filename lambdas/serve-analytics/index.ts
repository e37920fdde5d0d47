import type { APIGatewayProxyResult } from 'aws-lambda';
import { documentClient } from '../shared/document-client';
import { readEnv, text } from '../shared/env';
import { platform } from '../shared/platform';
import { answerProxy, type ProxyEvent } from './adapter';
import { makeApp } from './app';

const environment = { SERVING_TABLE: text, RUNS_TABLE: text };

/** The app of this function, built on the first request. */
function build(): ReturnType<typeof makeApp> {
  const config = readEnv(environment, process.env);
  return makeApp({
    platform: platform(),
    dynamo: documentClient(),
    servingTable: config.SERVING_TABLE,
    runsTable: config.RUNS_TABLE,
    now: () => new Date(),
  });
}

let app: ReturnType<typeof makeApp> | undefined;

/** Answers API Gateway's REST proxy events. */
export const handler = (event: ProxyEvent): Promise<APIGatewayProxyResult> => answerProxy((app ??= build()), event);
