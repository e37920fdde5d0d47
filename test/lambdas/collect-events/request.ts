import type { CollectorEvent } from '../../../lambdas/collect-events/request';

/** A request as API Gateway hands it over. */
export const request = (more: Partial<CollectorEvent> = {}): CollectorEvent => ({
  httpMethod: 'POST',
  headers: {},
  pathParameters: null,
  queryStringParameters: null,
  body: null,
  isBase64Encoded: false,
  requestContext: { requestId: 'req' },
  ...more,
});
