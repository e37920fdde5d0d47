/** What a query answered. Whole numbers of 16 digits and more are texts: JavaScript would round them. */
export interface Answer {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly unknown[])[];
}

interface Page {
  readonly nextUri?: string;
  readonly columns?: readonly { readonly name: string }[];
  readonly data?: readonly (readonly unknown[])[];
  readonly error?: { readonly message: string };
}

/** Milliseconds; a page comes within a second, even an empty one. */
const PATIENCE = 30_000;

/**
 * Asks Trino.
 * @param url for example `http://127.0.0.1:4505`
 * @param schema where names without a schema are looked up
 * @throws Error with Trino's message; TypeError (of `fetch`) when nobody answers
 * @see https://trino.io/docs/476/develop/client-protocol.html
 */
export async function ask(url: string, sql: string, catalog: string, schema: string): Promise<Answer> {
  const headers = {
    'x-trino-user': 'local',
    'x-trino-catalog': catalog,
    'x-trino-schema': schema,
    // Without it timestamps are cut to milliseconds.
    'x-trino-client-capabilities': 'PARAMETRIC_DATETIME',
  };
  let page = await pageOf(
    await fetch(`${url}/v1/statement`, { method: 'POST', headers, body: sql, signal: AbortSignal.timeout(PATIENCE) }),
  );
  let columns: string[] = [];
  const rows: (readonly unknown[])[] = [];
  for (;;) {
    if (page.error) throw new Error(page.error.message);
    if (page.columns) columns = page.columns.map(({ name }) => name);
    rows.push(...(page.data ?? []));
    if (!page.nextUri) return { columns, rows };
    page = await pageOf(await fetch(page.nextUri, { headers, signal: AbortSignal.timeout(PATIENCE) }));
  }
}

async function pageOf(answer: Response): Promise<Page> {
  const text = await answer.text();
  if (!answer.ok) throw new Error(`Trino answered ${answer.status}: ${text.slice(0, 500)}`);
  return JSON.parse(exact(text)) as Page;
}

/** JSON in which the whole numbers that a double can't hold are texts. */
const exact = (json: string): string =>
  json.replaceAll(/"(?:[^"\\]|\\.)*"|(?<![\d.])-?\d{16,}(?![\d.eE])/g, (token) =>
    token.startsWith('"') ? token : `"${token}"`,
  );

/** An answer as aligned text, NULL as nothing. */
export function asTable({ columns, rows }: Answer): string {
  const lines = [columns, ...rows.map((row) => row.map((cell) => (cell === null ? '' : cellText(cell))))];
  const widths = columns.map((_, place) => Math.max(...lines.map((line) => line[place].length)));
  return lines
    .map((line) =>
      line
        .map((cell, place) => cell.padEnd(widths[place]))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

const cellText = (cell: unknown): string => (typeof cell === 'string' ? cell : JSON.stringify(cell));
