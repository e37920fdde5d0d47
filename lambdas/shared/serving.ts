import type { Endpoint } from './endpoint';

/**
 * Keys of the serving table. Everything but the pointer belongs to one version, which is written whole before the
 * pointer names it.
 *
 * | pk | sk | item |
 * |---|---|---|
 * | `<path>` | `current` | pointer: `version`, `published_at`, `rows` |
 * | `<path>` | `version#<version>` | a version that was begun, so that a later run can delete it; `shown_at`, if the pointer named it |
 * | `<path>#<version>` | `<filter>` | `rows`: how many one filter has in the warehouse |
 * | `<path>#<version>#<filter>` | rank | `row`: one row as JSON, of the first `MOST_ROWS` |
 */
export const POINTER = 'current';
export const versionKey = (version: string): string => `version#${version}`;
export const manifestKey = (path: string, version: string): string => `${path}#${version}`;
export const dataKey = (path: string, version: string, filter: string): string => `${path}#${version}#${filter}`;
export const rankKey = (rank: number): string => String(rank).padStart(8, '0');

/** Sort key of the manifest for no filter at all: DynamoDB takes no empty key. */
export const manifestSort = (filter: string): string => filter || '*';

/** A filter as text: the parameters by name, `<name>=<value>&<name>=<value>`, values URI-encoded; empty for none. */
export function filterText(values: Readonly<Record<string, string | undefined>>): string {
  return Object.entries(values)
    .filter((entry): entry is [string, string] => entry[1] !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
    .join('&');
}

/** Most rows of one answer, and therefore of what is published for one filter. */
export const MOST_ROWS = 1000;

/** More would multiply the items: each set of optional parameters is published. */
const MOST_OPTIONAL = 3;

/**
 * The sets of parameters that can be asked for: all required ones, and each subset of the optional ones.
 * @throws Error when an endpoint has more than three optional parameters.
 */
export function parameterSets(endpoint: Endpoint): string[][] {
  const required = endpoint.parameters.filter((p) => p.required).map((p) => p.name);
  const optional = endpoint.parameters.filter((p) => !p.required).map((p) => p.name);
  if (optional.length > MOST_OPTIONAL) {
    throw new Error(
      `Endpoint ${endpoint.path} has ${optional.length} optional parameters; at most ${MOST_OPTIONAL} are allowed: make some required`,
    );
  }
  return optional.reduce((sets, name) => [...sets, ...sets.map((set) => [...set, name])], [required]);
}

/** How a column's values stand in JSON: numbers as numbers, digit for digit, whatever their size. */
export function jsonKind(type: string): 'integer' | 'number' | 'boolean' | 'date' | 'timestamp' | 'string' {
  const name = type.toLowerCase().replace(/\(.*/, '').trim();
  if (/^(smallint|integer|int|int2|int4|int8|bigint)$/.test(name)) return 'integer';
  if (/^(decimal|numeric|real|float|float4|float8|double|double precision)$/.test(name)) return 'number';
  if (/^bool(ean)?$/.test(name)) return 'boolean';
  if (name === 'date') return 'date';
  if (name.startsWith('timestamp')) return 'timestamp';
  return 'string';
}
