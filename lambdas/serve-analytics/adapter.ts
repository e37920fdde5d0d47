import type { APIGatewayProxyEvent, APIGatewayProxyResult } from 'aws-lambda';

/** Answers a request: a Hono app. */
interface App {
  readonly fetch: (request: Request) => Response | Promise<Response>;
}

/** What of API Gateway's event the API reads: it takes no body. */
export type ProxyEvent = Pick<APIGatewayProxyEvent, 'httpMethod' | 'path' | 'multiValueQueryStringParameters'>;

/**
 * Answers a REST API's proxy event. Its `path` is without the stage, and its query is decoded already.
 * @see https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
 */
export async function answerProxy(app: App, event: ProxyEvent): Promise<APIGatewayProxyResult> {
  const query = new URLSearchParams(
    Object.entries(event.multiValueQueryStringParameters ?? {}).flatMap(([name, values]) =>
      (values ?? []).map((value): [string, string] => [name, value]),
    ),
  );
  const url = new URL(`${event.path}?${query.toString()}`, 'https://analytics.internal');
  const response = await app.fetch(new Request(url, { method: event.httpMethod }));
  return {
    statusCode: response.status,
    headers: Object.fromEntries(response.headers),
    body: await response.text(),
  };
}
