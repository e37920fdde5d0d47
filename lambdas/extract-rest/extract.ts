import { compilePath, type Select } from '../shared/json-path';
import { log } from '../shared/log';
import type { RestResource } from '../shared/rest-source';
import { landManifest, landPage, type Landing } from './land';
import { pager } from './paging';
import { fingerprint, remember } from './repeats';
import { ask, Later, quote, type Answer, type Asking } from './request';
import { writeState, type Run, type State, type StateStore } from './state';
import { waitFor } from './wait';

/** One resource of a source, and everything by which it is read. */
export interface Extraction {
  readonly resource: RestResource;
  /** URL of the API, without a slash at its end. */
  readonly url: string;
  /** The pipeline's execution that asks. */
  readonly execution: string;
  readonly store: StateStore;
  readonly landing: (run: string) => Landing;
  readonly asking: Asking;
}

/** How far an extraction has come: `seconds` says when to go on. */
export interface Progress {
  readonly run: Run;
  readonly status: 'extracted' | 'unfinished';
  readonly seconds: number;
}

/**
 * Reads page after page from where the run stands: a page is landed, then the state says so. Before this call of the
 * handler would be cut off, or when the API asks for a longer wait than it has, it stops and says when to go on.
 * @throws Error in one line when a page is not what the source declares; the run stays where it is.
 */
export async function extract(extraction: Extraction, begun: State & { run: Run }): Promise<Progress> {
  const { resource, store, asking } = extraction;
  const where = `sources/${store.source}.ts: ${resource.dataset}`;
  const pages = pager(where, resource.paging);
  const records = compilePath(where, resource.records);
  const field = resource.increment && compilePath(where, resource.increment.field);
  const landing = extraction.landing(begun.run.id);
  let state = begun;
  let { run } = state;

  while (run.status === 'extracting') {
    if (asking.patience() <= 0) return { run, status: 'unfinished', seconds: 0 };
    const url = pageUrl(extraction, state, pages.query(run.at));
    let answer: Answer;
    try {
      answer = await ask(asking, url);
    } catch (error) {
      if (!(error instanceof Later)) throw error;
      run = waitFor(error, run, extraction.execution, asking.now());
      await writeState(store, state, { cursor: state.cursor, run });
      return { run, status: 'unfinished', seconds: error.seconds };
    }
    const found = recordsOf(asking, url, answer, resource, records);
    const remembered = remember(run, url, fingerprint(run, answer, found));
    const number = run.pages + 1;
    await landPage(landing, number, url, answer.bytes);
    const next = pages.next(run.at, answer.body, found.length);
    run = {
      ...run,
      ...remembered,
      moved_at: asking.now().toISOString(),
      pages: number,
      records: run.records + found.length,
      at: next ?? run.at,
      newest: newest(url, run.newest, field ? found.map((one) => field(one)[0]) : []),
      status: next === undefined ? 'extracted' : 'extracting',
      waiting: undefined,
    };
    if (run.status === 'extracted') await landManifest(landing, store.source, resource, run);
    state = { ...(await writeState(store, state, { cursor: state.cursor, run })), run };
    log('page', { dataset: resource.dataset, run: run.id, page: number, records: found.length });
  }
  return { run, status: 'extracted', seconds: 0 };
}

function pageUrl(extraction: Extraction, state: State, page: Readonly<Record<string, string>>): URL {
  const { resource } = extraction;
  const url = new URL(`${extraction.url}${resource.path}`);
  const { increment } = resource;
  const from = increment ? { [increment.parameter]: state.cursor ?? increment.start } : {};
  for (const [name, value] of Object.entries({ ...resource.query, ...from, ...page }))
    url.searchParams.set(name, value);
  return url;
}

/** A path that leads nowhere is no empty page: the API has changed, or it tells of an error with status 200. */
function recordsOf(asking: Asking, url: URL, answer: Answer, resource: RestResource, select: Select): unknown[] {
  const list = resource.records.replace(/\[\*\]$/, '');
  if (list !== resource.records && !compilePath('', list)(answer.body).some(Array.isArray)) {
    throw new Error(`GET ${url.href}: the answer has no list at ${list}${quote(asking, answer.bytes)}`);
  }
  return select(answer.body);
}

function newest(url: URL, known: string | undefined, values: readonly unknown[]): string | undefined {
  return values.reduce<string | undefined>((most, value) => {
    if (typeof value !== 'string') {
      throw new Error(
        `GET ${url.href}: a record's increment is ${JSON.stringify(value)}; a text such as "2026-01-31" is wanted`,
      );
    }
    return most === undefined || value > most ? value : most;
  }, known);
}
