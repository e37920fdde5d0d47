import type { Answer } from './request';
import { sha256 } from './land';
import type { Run, Seen } from './state';

/**
 * By what this page would be known again: its records, for what stands around them (a time, the request's ID) changes.
 * Where a number has more digits than `JSON.parse` keeps, its bytes.
 */
export function fingerprint(run: Run, answer: Answer, records: readonly unknown[]): Seen {
  const exact = !/[\d.]{16,}/.test(answer.text);
  const hash = records.length > 0 ? sha256(exact ? JSON.stringify(records) : answer.bytes) : undefined;
  return { page: run.pages + 1, at: run.at, records: hash };
}

/**
 * What a run remembers of its pages: the last one, and the one whose number is the last power of two. A circle of pages
 * of any length comes by that one again, so none has to be remembered besides (Brent's algorithm).
 * @throws Error when the page is one of those two again.
 */
export function remember(run: Run, url: URL, page: Seen): Pick<Run, 'last' | 'mark'> {
  for (const before of [run.last, run.mark]) {
    if (before && (before.at === page.at || (page.records !== undefined && before.records === page.records))) {
      throw new Error(
        `GET ${url.href} answered page ${before.page} again as page ${page.page}; the API would repeat it for ever: check the source's paging`,
      );
    }
  }
  const isPower = (page.page & (page.page - 1)) === 0;
  return { last: page, mark: isPower ? page : run.mark };
}
