import { compilePath } from './json-path';

/** How a request says who is asking. What is secret stands in Secrets Manager, in the secret of the source. */
export type RestAuthentication =
  /** The secret's `key`, in a header of this name. */
  | { readonly kind: 'api_key'; readonly header: string }
  /** The secret's `token`, as `Authorization: Bearer …`. */
  | { readonly kind: 'bearer' }
  | { readonly kind: 'none' };

/** How a long answer is cut into pages. */
export type RestPaging =
  /** One request gives all. */
  | { readonly kind: 'none' }
  /** Page after page, until one has no records. */
  | {
      readonly kind: 'page';
      /** The query parameter that carries the page's number. */
      readonly parameter: string;
      /** The first page's number. @default 1 */
      readonly first?: number;
    }
  /** Each page names the next, until one names none. */
  | {
      readonly kind: 'cursor';
      /** The query parameter that carries the cursor. */
      readonly parameter: string;
      /** Where a page has the next one's cursor: a JSONPath such as `$.next_cursor`. */
      readonly next: string;
    };

/** Reads only what is new: the greatest value seen is where the next run starts, and is asked for again. */
export interface RestIncrement {
  /** The query parameter that says from where. */
  readonly parameter: string;
  /** The field of a record, a JSONPath: texts that sort as time does, such as ISO 8601 dates. */
  readonly field: string;
  /** Where the first run starts. */
  readonly start: string;
}

/** One list of records of an API, which becomes one dataset. */
export interface RestResource {
  readonly dataset: string;
  /** Path below the API's URL, for example `/rates`. */
  readonly path: string;
  /** Parameters that every request has. @default - none */
  readonly query?: Readonly<Record<string, string>>;
  /** Where a page has its records: a JSONPath such as `$.data[*]`. */
  readonly records: string;
  /** Where a record has a column's value: column → JSONPath. @default - `$.<column>`; a field that is absent is null */
  readonly fields?: Readonly<Record<string, string>>;
  readonly paging: RestPaging;
  /** @default - every run reads everything */
  readonly increment?: RestIncrement;
}

/** A REST API that answers JSON. Its URL stands in `config/` (`apis`), for it differs between environments. */
export interface RestSource {
  readonly kind: 'rest';
  readonly name: string;
  readonly authentication: RestAuthentication;
  readonly resources: readonly RestResource[];
}

/** Most bytes of one page, unpacked. */
export const MOST_PAGE_BYTES = 50 * 1024 * 1024;

/**
 * @throws Error naming the file and the field when a JSONPath, a path or a header is none that we can use, or two
 * things would set the same parameter.
 */
export function checkRestSource(source: RestSource): void {
  const where = `sources/${source.name}.ts`;
  const { authentication } = source;
  // https://www.rfc-editor.org/rfc/rfc9110#name-tokens
  if (authentication.kind === 'api_key' && !/^[\w!#$%&'*+.^`|~-]+$/.test(authentication.header)) {
    throw new Error(
      `${where}: authentication.header is ${JSON.stringify(authentication.header)}; a name such as X-Api-Key is allowed`,
    );
  }
  if (source.resources.length === 0) throw new Error(`${where}: resources is empty; declare what the API lists`);
  for (const { dataset, path, query, records, fields, paging, increment } of source.resources) {
    if (!path.startsWith('/') || /[?#]/.test(path)) {
      throw new Error(`${where}: ${dataset}: path is ${JSON.stringify(path)}; a path such as /rates is allowed`);
    }
    const paths = [records, ...Object.values(fields ?? {}), ...(increment ? [increment.field] : [])];
    if (paging.kind === 'cursor') paths.push(paging.next);
    for (const one of paths) compilePath(`${where}: ${dataset}`, one);
    const names = Object.keys(query ?? {});
    if (paging.kind !== 'none') names.push(paging.parameter);
    if (increment) names.push(increment.parameter);
    const twice = names.find((name, i) => names.indexOf(name) < i);
    if (twice !== undefined) {
      throw new Error(
        `${where}: ${dataset}: the parameter ${JSON.stringify(twice)} is set twice; let one of query, paging and increment set it`,
      );
    }
  }
}
