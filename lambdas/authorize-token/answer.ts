import type { APIGatewayAuthorizerResult } from 'aws-lambda';
import type { Caller } from './verify';

/**
 * What API Gateway is told, and remembers for the token: the policy is for every method of the stage, or a second method
 * would be refused while it remembers the first.
 * @param methodArn `arn:<partition>:execute-api:<region>:<account>:<API>/<stage>/<method>/<path>`
 * @param key the API key whose limits hold; needed when the API takes its keys from the authorizer
 */
export function answer(
  methodArn: string,
  { client, principal }: Caller,
  Effect: 'Allow' | 'Deny',
  key: string | undefined,
): APIGatewayAuthorizerResult {
  const [api, stage] = methodArn.split('/');
  return {
    principalId: principal,
    policyDocument: {
      Version: '2012-10-17',
      Statement: [{ Action: 'execute-api:Invoke', Effect, Resource: `${api}/${stage}/*` }],
    },
    context: { client },
    ...(key && { usageIdentifierKey: key }),
  };
}
