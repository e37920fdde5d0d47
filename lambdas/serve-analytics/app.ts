import { createRoute, OpenAPIHono } from '@hono/zod-openapi';
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import type { Endpoint } from '../shared/endpoint';
import { log } from '../shared/log';
import type { Platform } from '../shared/platform';
import { filterText, MOST_ROWS } from '../shared/serving';
import { docsPage, POLICY } from './docs';
import { readHealth } from './health';
import { answerSchema, errorSchema, healthSchema, queryProblem, querySchema } from './schemas';
import { readRows } from './store';

export interface AppDeps {
  readonly platform: Platform;
  readonly dynamo: DynamoDBDocumentClient;
  readonly servingTable: string;
  readonly runsTable: string;
  readonly now: () => Date;
}

/** Seconds after which to ask again, when an answer can't be given yet. */
const RETRY_AFTER = '60';

/** What the API says of itself. */
const ABOUT = { openapi: '3.1.0', info: { title: 'Moraine analytics', version: '1' } };

/** The API: `/health`, `/docs`, `/openapi.json`, and one path for each endpoint that a dbt model declares. */
export function makeApp(deps: AppDeps): OpenAPIHono {
  const app = new OpenAPIHono();
  addHealth(app, deps);
  for (const endpoint of deps.platform.endpoints) addEndpoint(app, deps, endpoint);
  app.doc31('/openapi.json', ABOUT);
  app.get('/docs', (c) =>
    c.html(docsPage(app.getOpenAPI31Document(ABOUT)), 200, { 'Content-Security-Policy': POLICY }),
  );

  const paths = ['/health', '/docs', '/openapi.json', ...deps.platform.endpoints.map((endpoint) => endpoint.path)];
  app.notFound((c) => c.json({ error: `No GET ${c.req.path} here`, paths }, 404));
  app.onError((error, c) => {
    log('request failed', { path: c.req.path, error: String(error) });
    return c.json({ error: 'The data store did not answer; try again' }, 503, { 'Retry-After': RETRY_AFTER });
  });
  return app;
}

function addHealth(app: OpenAPIHono, deps: AppDeps): void {
  const route = createRoute({
    method: 'get',
    path: '/health',
    summary: 'How fresh each dataset is, against its contract',
    responses: {
      200: { description: 'ok or stale', content: { 'application/json': { schema: healthSchema } } },
      503: { description: 'The run records can not be read', content: { 'application/json': { schema: errorSchema } } },
    },
  });
  app.openapi(route, async (c) => {
    const runs = { client: deps.dynamo, table: deps.runsTable };
    const health = await readHealth(deps.platform, runs, deps.now());
    return c.json({ ...health, datasets: [...health.datasets] }, 200);
  });
}

function addEndpoint(app: OpenAPIHono, deps: AppDeps, endpoint: Endpoint): void {
  const json = (description: string) => ({ description, content: { 'application/json': { schema: errorSchema } } });
  const route = createRoute({
    method: 'get',
    path: endpoint.path,
    summary: endpoint.summary,
    request: { query: querySchema(endpoint) },
    responses: {
      200: { description: 'The rows', content: { 'application/json': { schema: answerSchema(endpoint) } } },
      400: json('A parameter is missing, unknown or not allowed'),
      503: json('Not published yet, or the store did not answer'),
    },
  });
  app.openAPIRegistry.registerPath(route);

  const query = querySchema(endpoint);
  app.get(endpoint.path, async (c) => {
    const asked = Object.fromEntries(
      Object.entries(c.req.queries()).map(([name, values]) => [name, values.length === 1 ? values[0] : values]),
    );
    const parsed = query.safeParse(asked);
    if (!parsed.success) return c.json({ error: queryProblem(endpoint, asked, parsed.error) }, 400);
    const { limit, ...filter } = parsed.data;

    const serving = { client: deps.dynamo, table: deps.servingTable };
    const answer = await readRows(serving, endpoint.path, filterText(filter), Number(limit ?? MOST_ROWS));
    if (!answer) {
      const error = `${endpoint.path} has not been published yet; the pipeline's next run publishes it`;
      return c.json({ error }, 503, { 'Retry-After': RETRY_AFTER });
    }
    const { rows, total, publishedAt } = answer;
    const body = `{"data":[${rows.join(',')}],"as_of":${JSON.stringify(publishedAt)},"count":${rows.length},"total":${total}}`;
    return c.body(body, 200, { 'Content-Type': 'application/json' });
  });
}
