import { z } from '@hono/zod-openapi';
import type { Endpoint, EndpointColumn } from '../shared/endpoint';
import { jsonKind, MOST_ROWS } from '../shared/serving';

const LIMITS = `a whole number from 1 to ${MOST_ROWS} is allowed`;

/** The query that an endpoint takes: its parameters and `limit`, and no other. */
export function querySchema(endpoint: Endpoint) {
  const parameters = endpoint.parameters.map(({ name, required, values }) => {
    const [first, ...rest] = values ?? [];
    const value = first === undefined ? z.string().min(1) : z.enum([first, ...rest]);
    return [name, required ? value : value.optional()] as const;
  });
  const limit = z
    .string(LIMITS)
    .regex(/^\d{1,9}$/, LIMITS)
    .refine((text) => Number(text) >= 1 && Number(text) <= MOST_ROWS, LIMITS)
    .optional()
    .openapi({ type: 'integer', minimum: 1, maximum: MOST_ROWS, default: MOST_ROWS, description: 'Rows to answer.' });
  return z.strictObject({ ...Object.fromEntries(parameters), limit });
}

/** What an endpoint answers. */
export function answerSchema(endpoint: Endpoint) {
  return z.object({
    data: z.array(z.object(Object.fromEntries(endpoint.columns.map((column) => [column.name, columnSchema(column)])))),
    as_of: z.string().openapi({ format: 'date-time', description: 'When the data was published.' }),
    count: z.int().openapi({ description: 'Rows in this answer.' }),
    total: z.int().openapi({ description: 'Rows there are; more than count if limit cut them.' }),
  });
}

function columnSchema({ type, description }: EndpointColumn) {
  const about = { description };
  switch (jsonKind(type)) {
    case 'integer':
      return z
        .int()
        .nullable()
        .openapi({ ...about, ...(/big|8/.test(type) && { format: 'int64' }) });
    case 'number':
      return z.number().nullable().openapi(about);
    case 'boolean':
      return z.boolean().nullable().openapi(about);
    case 'date':
      return z
        .string()
        .nullable()
        .openapi({ ...about, format: 'date' });
    case 'timestamp':
      return z
        .string()
        .nullable()
        .openapi({ ...about, format: 'date-time' });
    default:
      return z.string().nullable().openapi(about);
  }
}

export const errorSchema = z.object({
  error: z.string().openapi({ description: 'What was wrong, in one line.' }),
  paths: z.array(z.string()).optional().openapi({ description: 'The paths that there are.' }),
});

export const healthSchema = z.object({
  status: z.enum(['ok', 'stale', 'unavailable']),
  datasets: z.array(
    z.object({
      dataset: z.string(),
      status: z.enum(['ok', 'stale', 'never']),
      as_of: z.string().nullable(),
      freshness_hours: z.number().nullable(),
    }),
  ),
  gold: z.object({ published_at: z.string().nullable() }),
});

/** One line for the first thing wrong with a query: the field, the value got, the values allowed. */
export function queryProblem(endpoint: Endpoint, query: Readonly<Record<string, unknown>>, error: z.ZodError): string {
  const issue = error.issues[0];
  if (issue.code === 'unrecognized_keys') {
    const allowed = [...endpoint.parameters.map((p) => p.name), 'limit'].join(', ');
    return `Parameter ${issue.keys.join(', ')} is unknown; allowed are ${allowed}`;
  }
  const name = String(issue.path[0]);
  const parameter = endpoint.parameters.find((p) => p.name === name);
  const allowed = parameter?.values ? `allowed are ${parameter.values.join(', ')}` : 'give one value';
  if (query[name] === undefined) return `Parameter ${name} is missing; ${allowed}`;
  return `Parameter ${name} is ${JSON.stringify(query[name])}; ${parameter ? allowed : issue.message}`;
}
