import { createHash } from 'node:crypto';
import type { Endpoint } from '../shared/endpoint';
import { filterText, jsonKind, MOST_ROWS, parameterSets } from '../shared/serving';
import { identifier, type Cell, type Row } from '../shared/statement';

/** Prefix of the columns that carry a parameter's value, apart from the answer's columns. */
const PARAMETER = '_p_';

/** Types whose digits the Data API would lose as numbers: they travel as text. */
const LOSSLESS = /^(bigint|int8|decimal|numeric)/i;

/** Bytes of one row, within DynamoDB's 400 KB for an item. */
const MOST_BYTES = 380_000;

/** Rows of one filter: the first of them, and how many there are. */
export interface Group {
  readonly rows: readonly string[];
  readonly total: number;
}

/** The place of a row among those of one set of parameters, and the number of these rows. */
const rankColumn = (set: number): string => `_rank_${set}`;
const totalColumn = (set: number): string => `_total_${set}`;

/**
 * The query for the rows that can be asked for, in the order in which they are to be answered: of each filter the first
 * `MOST_ROWS`, ranked by the warehouse, so that a large aggregate does not travel.
 */
export function selectSql(endpoint: Endpoint): string {
  const columns = endpoint.columns.map(({ name, type }) =>
    LOSSLESS.test(type) ? `cast(${identifier(name)} as varchar) as ${identifier(name)}` : identifier(name),
  );
  const parameters = endpoint.parameters.map(
    ({ name, column }) => `cast(${identifier(column)} as varchar) as ${identifier(PARAMETER + name)}`,
  );
  const order = endpoint.order.map((term) => {
    const [name, direction = 'asc'] = term.trim().split(/\s+/);
    return `m.${identifier(name)} ${direction === 'desc' ? 'desc' : 'asc'}`;
  });
  const orderBy = order.length > 0 ? `order by ${order.join(', ')}` : '';
  const sets = parameterSets(endpoint).map((names) =>
    names.map((name) => identifier(endpoint.parameters.find((p) => p.name === name)?.column ?? name)),
  );
  const ranks = sets.flatMap((set, i) => {
    const partition = set.length > 0 ? `partition by ${set.join(', ')}` : '';
    return [
      `row_number() over (${[partition, orderBy].filter(Boolean).join(' ')}) as ${rankColumn(i)}`,
      `count(*) over (${partition}) as ${totalColumn(i)}`,
    ];
  });
  const asked = sets.map((set, i) =>
    [`${rankColumn(i)} <= ${MOST_ROWS}`, ...set.map((column) => `${column} is not null`)].join(' and '),
  );
  return (
    `select ${[...columns, ...parameters, ...sets.flatMap((_, i) => [rankColumn(i), totalColumn(i)])].join(', ')} ` +
    `from (select ${['m.*', ...ranks].join(', ')} from gold.${identifier(endpoint.model)} as m) as m ` +
    `where ${asked.map((each) => `(${each})`).join(' or ')}` +
    (orderBy && ` ${orderBy}`)
  );
}

/**
 * The rows as JSON texts, by filter: each set of parameters that can be asked for has its own list.
 * A row whose parameter is null is found only by sets without it.
 */
export function groupRows(endpoint: Endpoint, rows: readonly Row[]): Map<string, Group> {
  const groups = new Map<string, { rows: string[]; total: number }>();
  const sets = parameterSets(endpoint);
  if (sets[0].length === 0) groups.set('', { rows: [], total: 0 });
  for (const row of rows) {
    const text = rowJson(endpoint, row);
    for (const [i, set] of sets.entries()) {
      const values = set.map((name): [string, Cell] => [name, row[PARAMETER + name] ?? null]);
      if (values.some(([, value]) => value === null) || Number(row[rankColumn(i)]) > MOST_ROWS) continue;
      const filter = filterText(Object.fromEntries(values.map(([name, value]) => [name, String(value)])));
      const group = groups.get(filter) ?? { rows: [], total: 0 };
      groups.set(filter, { rows: group.rows, total: Number(row[totalColumn(i)]) });
      group.rows.push(text);
    }
  }
  return groups;
}

/** The same for the same rows under the same filters, in whatever order the warehouse gave the filters. */
export function digestOf(groups: ReadonlyMap<string, Group>): string {
  const hash = createHash('sha256');
  for (const [filter, group] of [...groups].sort(([a], [b]) => (a < b ? -1 : 1))) {
    hash.update(JSON.stringify([filter, group.total, group.rows]));
  }
  return hash.digest('base64');
}

/**
 * One row as JSON text. Numbers are written digit for digit as the warehouse gave them, so that neither a large
 * integer nor a decimal goes through a double. Timestamps become ISO 8601.
 * @throws Error when a value is none of its column's type, or the row is too large for the serving table.
 */
export function rowJson(endpoint: Endpoint, row: Row): string {
  const members = endpoint.columns.map(
    ({ name, type }) =>
      `${JSON.stringify(name)}:${valueJson(`gold.${endpoint.model}.${name}`, type, row[name] ?? null)}`,
  );
  const json = `{${members.join(',')}}`;
  const bytes = Buffer.byteLength(json);
  if (bytes > MOST_BYTES) {
    throw new Error(
      `gold.${endpoint.model}: a row takes ${bytes} bytes of JSON; an endpoint's takes at most ${MOST_BYTES}`,
    );
  }
  return json;
}

function valueJson(where: string, type: string, value: Cell): string {
  if (value === null) return 'null';
  const kind = jsonKind(type);
  if (kind === 'integer' || kind === 'number') return numberJson(where, String(value));
  if (kind === 'boolean') return String(value === true || value === 'true' || value === 't');
  if (kind === 'timestamp') return JSON.stringify(isoTime(String(value)));
  return JSON.stringify(String(value));
}

/** JSON has no NaN and no infinity: they become null. */
function numberJson(where: string, text: string): string {
  const number = text
    .trim()
    .replace(/^(-?)\./, '$10.')
    .replace(/e\+/i, 'e');
  if (/^-?(0|[1-9]\d*)(\.\d+)?(e-?\d+)?$/i.test(number)) return number;
  if (/^[+-]?(nan|inf(inity)?)$/i.test(number)) return 'null';
  throw new Error(`${where}: ${JSON.stringify(text)} is no number; correct data_type in the model's YAML`);
}

/** `2026-01-02 03:04:05.6+00` → `2026-01-02T03:04:05.6Z`; without a zone none is added. */
const isoTime = (text: string): string =>
  text
    .trim()
    .replace(' ', 'T')
    .replace(/\+00(:?00)?$/, 'Z')
    .replace(/([+-]\d\d)$/, '$1:00');
