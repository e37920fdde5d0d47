import type { APIGatewayAuthorizerResult, APIGatewayTokenAuthorizerEvent } from 'aws-lambda';
import { z } from 'zod';
import { json, readEnv, text, type Variables } from '../shared/env';
import { log } from '../shared/log';
import { answer } from './answer';
import { issuerKeys, KeysUnavailable } from './keys';
import { BadToken, verify, type Caller } from './verify';

const environment = {
  ISSUER: text,
  AUDIENCE: text,
  JWKS_URI: z.url().transform((uri) => new URL(uri)),
  /** A scope that a token must carry. */
  SCOPE: text.optional(),
  /** The key under which each declared client is counted; none declared, and any client of the issuer may call. */
  CLIENT_KEYS: json(z.record(z.string(), z.string())).transform((keys) => new Map(Object.entries(keys))),
};

/**
 * A token authorizer of API Gateway: who shows a token of the issuer may call every method of the API's stage.
 * @throws Error `Unauthorized`, which API Gateway answers with 401, when the token is not good; any other error, which it
 * answers with 500, when the issuer's keys can't be read. The log says why, and never the token.
 * @see https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-output.html
 */
export const makeHandler = (variables: Variables) => {
  const config = readEnv(environment, variables);
  const keys = issuerKeys(config.JWKS_URI);
  return async (event: APIGatewayTokenAuthorizerEvent): Promise<APIGatewayAuthorizerResult> => {
    const caller = await verify(event.authorizationToken, keys, config).catch(refused);
    const problem = problemOf(caller, config);
    if (problem) log('caller refused', { client: caller.client, reason: problem });
    return answer(event.methodArn, caller, problem ? 'Deny' : 'Allow', config.CLIENT_KEYS.get(caller.client));
  };
};

/** Why somebody whose token is good may not call; undefined if they may. */
function problemOf(
  { client, scopes }: Caller,
  { SCOPE: scope, CLIENT_KEYS: clients }: { SCOPE?: string; CLIENT_KEYS: ReadonlyMap<string, string> },
): string | undefined {
  if (scope && !scopes.includes(scope)) return `the token lacks scope ${scope}`;
  if (clients.size > 0 && !clients.has(client)) return 'the client is not among api.clients of config/';
  return undefined;
}

function refused(error: unknown): never {
  if (error instanceof BadToken) {
    log('token refused', { reason: error.message });
    throw new Error('Unauthorized');
  }
  if (error instanceof KeysUnavailable) log('keys unavailable', { reason: error.message });
  throw error;
}

let handle: ReturnType<typeof makeHandler> | undefined;

/** Keeps the issuer's keys from call to call. */
export const handler = (event: APIGatewayTokenAuthorizerEvent): Promise<APIGatewayAuthorizerResult> =>
  (handle ??= makeHandler(process.env))(event);
