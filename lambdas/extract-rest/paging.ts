import { compilePath } from '../shared/json-path';
import type { RestPaging } from '../shared/rest-source';

/** How to walk through an answer's pages. A place (`at`) is a text, so that it can be kept and gone on from. */
export interface Pager {
  /** Where the first page is. */
  readonly first: string;
  /** Parameters of the request for the page at a place. */
  query(at: string): Readonly<Record<string, string>>;
  /**
   * Where the next page is; undefined after the last.
   * @throws Error when the page leads nowhere.
   */
  next(at: string, page: unknown, records: number): string | undefined;
}

/** @param where named in errors */
export function pager(where: string, paging: RestPaging): Pager {
  switch (paging.kind) {
    case 'none':
      return { first: '', query: () => ({}), next: () => undefined };
    case 'page':
      return {
        first: String(paging.first ?? 1),
        query: (at) => ({ [paging.parameter]: at }),
        // A page may be short and another follow; an empty one is the end.
        next: (at, _page, records) => (records > 0 ? String(Number(at) + 1) : undefined),
      };
    case 'cursor': {
      const select = compilePath(where, paging.next);
      return {
        first: '',
        query: (at) => (at === '' ? {} : { [paging.parameter]: at }),
        next: (at, page) => nextCursor(where, at, select(page)[0]),
      };
    }
  }
}

function nextCursor(where: string, at: string, found: unknown): string | undefined {
  if (found === undefined || found === null || found === '') return undefined;
  // JSON.parse rounds what is greater, and a rounded cursor leads to another page.
  if (typeof found !== 'string' && !Number.isSafeInteger(found)) {
    throw new Error(
      `${where}: the next cursor is ${JSON.stringify(found)}; a text, or a whole number below 2^53, is wanted`,
    );
  }
  const cursor = typeof found === 'string' ? found : JSON.stringify(found);
  if (cursor === at)
    throw new Error(
      `${where}: the page at cursor ${JSON.stringify(at)} names itself as the next; the API would repeat it for ever`,
    );
  return cursor;
}
