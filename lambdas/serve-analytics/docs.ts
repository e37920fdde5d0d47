import { z } from 'zod';

/** Of the OpenAPI document, what the page shows: it is made here, but its types allow for all of OpenAPI. */
const schema = z.object({
  type: z.union([z.string(), z.array(z.string())]).optional(),
  enum: z.array(z.string()).optional(),
  format: z.string().optional(),
  minimum: z.number().optional(),
  maximum: z.number().optional(),
  default: z.union([z.string(), z.number(), z.boolean()]).optional(),
  description: z.string().optional(),
  get items() {
    return schema.optional();
  },
  get properties() {
    return z.record(z.string(), schema).optional();
  },
});
const operation = z.object({
  summary: z.string().default(''),
  parameters: z
    .array(z.object({ name: z.string(), required: z.boolean().default(false), schema: schema.default({}) }))
    .default([]),
  responses: z.record(
    z.string(),
    z.object({
      description: z.string(),
      content: z.object({ 'application/json': z.object({ schema }) }).optional(),
    }),
  ),
});
const openApi = z.object({
  info: z.object({ title: z.string() }),
  paths: z.record(z.string(), z.object({ get: operation })),
});
type Schema = z.infer<typeof schema>;

/** The page loads nothing and runs nothing. */
export const POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

const STYLE =
  'body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}code{font-size:.95em}' +
  'section{border-top:1px solid #ccc;margin-top:2rem}table{border-collapse:collapse}' +
  'td,th{border:1px solid #ccc;padding:.2rem .6rem;text-align:left;vertical-align:top}';

/**
 * The OpenAPI document as one HTML page, which needs neither a script nor another file.
 * @param document an OpenAPI 3.1 document
 * @throws Error when it is none
 */
export function docsPage(document: unknown): string {
  const { info, paths } = openApi.parse(document);
  const sections = Object.entries(paths).map(([path, { get }]) => section(path, get));
  return (
    `<!doctype html><html lang="en"><meta charset="utf-8"><title>${text(info.title)}</title><style>${STYLE}</style>` +
    `<h1>${text(info.title)}</h1><p>For programs: <a href="openapi.json">openapi.json</a>. ` +
    `A wrong request is answered with a line that says what is allowed.</p>${sections.join('')}</html>`
  );
}

function section(path: string, { summary, parameters, responses }: z.infer<typeof operation>): string {
  const asked = parameters.map(({ name, required, schema: about }) => [
    code(name),
    required ? 'required' : 'optional',
    values(about),
    text(about.description ?? ''),
  ]);
  const answers = Object.entries(responses).map(([status, { description }]) => [code(status), text(description)]);
  const body = responses['200']?.content?.['application/json'].schema;
  return (
    `<section><h2><code>GET ${text(path)}</code></h2><p>${text(summary)}</p>` +
    table('Parameters', asked) +
    table('Answer', fields(body, '')) +
    table('Status', answers) +
    '</section>'
  );
}

/** A row for each field, those within others below them: `data[].amount`. */
function fields(about: Schema | undefined, prefix: string): string[][] {
  return Object.entries(about?.properties ?? {}).flatMap(([name, field]) => {
    const path = `${prefix}${name}${field.items ? '[]' : ''}`;
    const row = [code(path), values(field), text(field.description ?? '')];
    return [row, ...fields(field.items ?? field, `${path}.`)];
  });
}

/** What may stand there: the values, or the type and its limits. */
function values({ type, enum: allowed, format, minimum, maximum, default: standard }: Schema): string {
  if (allowed) return allowed.map(code).join(', ');
  const range = minimum !== undefined && maximum !== undefined ? ` from ${minimum} to ${maximum}` : '';
  const otherwise = standard === undefined ? '' : `, otherwise ${standard}`;
  return text(`${format ?? [type].flat().join(' or ')}${range}${otherwise}`);
}

const table = (title: string, rows: readonly (readonly string[])[]): string =>
  rows.length === 0
    ? ''
    : `<h3>${title}</h3><table>${rows.map((row) => `<tr>${row.map((cell) => `<td>${cell}</td>`).join('')}</tr>`).join('')}</table>`;

const code = (value: string): string => `<code>${text(value)}</code>`;

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** A text as HTML shows it. */
const text = (value: string): string => value.replace(/[&<>"']/g, (character) => ENTITIES[character]);
