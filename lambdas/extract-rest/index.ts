import { S3Client } from '@aws-sdk/client-s3';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { z } from 'zod';
import { documentClient } from '../shared/document-client';
import { json, readEnv, text, type Variables } from '../shared/env';
import { log } from '../shared/log';
import { parse } from '../shared/parse';
import { platform, type Platform } from '../shared/platform';
import { sleep, type Sleep } from '../shared/retry';
import type { RestResource, RestSource } from '../shared/rest-source';
import { authenticate } from './authentication';
import { extract } from './extract';
import { runId } from './land';
import { pager } from './paging';
import { readState, writeState, type Run, type State, type StateStore } from './state';

const environment = {
  LANDING_BUCKET: text,
  LANDING_PREFIX: text,
  RUNS_TABLE: text,
  /** Source → URL of its API. */
  API_URLS: json(z.record(z.string(), z.string())),
  /** Source → ARN of its secret. */
  API_SECRETS: json(z.record(z.string(), z.string())),
};

const request = z.object({
  /** `extract` lands pages; `confirm` says that the run is in bronze. */
  action: z.enum(['extract', 'confirm']),
  source: z.string(),
  dataset: z.string(),
  /** The pipeline's execution. */
  runId: z.string(),
  /** Of `confirm`: the run that is in bronze. */
  run: z.string().optional(),
});

export interface Deps {
  readonly env: Variables;
  readonly platform: () => Platform;
  readonly s3: S3Client;
  readonly secrets: SecretsManagerClient;
  readonly runs: DynamoDBDocumentClient;
  readonly fetch: typeof fetch;
  readonly sleep: Sleep;
  readonly now: () => Date;
}

/** What the pipeline does next with a resource. */
export interface Extracted {
  readonly source: string;
  readonly dataset: string;
  /** `extracted`: load it. `unfinished`: call again after `seconds`. `confirmed`: done. */
  readonly status: 'extracted' | 'unfinished' | 'confirmed';
  readonly seconds: number;
  readonly run: string;
  /** Folder of the run, with a slash at its end. */
  readonly landing: string;
  readonly pages: number;
  readonly records: number;
}

/** What is left of a call to land the page that is under way and to write the state. */
const MARGIN = 60_000;
/** A run whose last page is older is left behind: page numbers of an API that lives mean something else by then. */
const STALE_HOURS = 24;

/**
 * Extracts one resource of a REST source into landing, or confirms that what was extracted is in bronze, which moves
 * the increment on. A run that was cut off, or whose load failed, is finished before a new one begins: `confirm` of an
 * older execution's run is answered with the new run to extract.
 * @throws Error in one line; nothing that landed is lost, and the next call goes on from the last page.
 */
export const makeHandler =
  (deps: Deps) =>
  async (event: unknown, context?: { getRemainingTimeInMillis?: () => number }): Promise<Extracted> => {
    const config = readEnv(environment, deps.env);
    const asked = parse('extract-rest', request, event);
    const [source, resource] = find(deps.platform(), asked.source, asked.dataset);
    const store = { client: deps.runs, table: config.RUNS_TABLE, source: source.name, dataset: resource.dataset };
    const folder = (run: string) => `${config.LANDING_PREFIX}${source.name}/${resource.dataset}/${run}/`;
    const answer = (run: Run, status: Extracted['status'], seconds = 0): Extracted => ({
      ...{ source: source.name, dataset: resource.dataset, status, seconds, run: run.id },
      landing: `s3://${config.LANDING_BUCKET}/${folder(run.id)}`,
      ...{ pages: run.pages, records: run.records },
    });

    const state = await readState(store);
    if (asked.action === 'confirm') {
      const run = await confirm(store, state, asked.run);
      // A run of an earlier execution says nothing of today: there is more to extract.
      return run.execution === asked.runId ? answer(run, 'confirmed') : answer(run, 'unfinished');
    }
    const url = config.API_URLS[source.name] as string | undefined;
    if (!url) throw new Error(`Source ${source.name} has no URL here; name it in config/ under apis`);
    const begun = await begin(store, state, resource, asked.runId, deps.now());
    const { run, status, seconds } = await extract(
      {
        resource,
        url: url.replace(/\/$/, ''),
        execution: asked.runId,
        store,
        landing: (id) => ({ client: deps.s3, bucket: config.LANDING_BUCKET, folder: folder(id) }),
        asking: {
          fetch: deps.fetch,
          headers: await authenticate(deps.secrets, source, config.API_SECRETS[source.name]),
          sleep: deps.sleep,
          now: deps.now,
          patience: () => (context?.getRemainingTimeInMillis?.() ?? 10 * MARGIN) - MARGIN,
        },
      },
      begun,
    );
    log('extraction', {
      dataset: resource.dataset,
      run: run.id,
      status,
      seconds,
      pages: run.pages,
      records: run.records,
    });
    return answer(run, status, seconds);
  };

function find(platform: Platform, name: string, dataset: string): [RestSource, RestResource] {
  const source = platform.sources.find((one): one is RestSource => one.kind === 'rest' && one.name === name);
  const resource = source?.resources.find((one) => one.dataset === dataset);
  if (!source || !resource)
    throw new Error(
      `No REST source ${JSON.stringify(name)} with a resource ${JSON.stringify(dataset)} is declared in sources/`,
    );
  return [source, resource];
}

/** The run to go on with, or a new one. */
async function begin(
  store: StateStore,
  state: State,
  resource: RestResource,
  execution: string,
  now: Date,
): Promise<State & { run: Run }> {
  const { run } = state;
  const hours = run ? (now.getTime() - Date.parse(run.moved_at)) / 3_600_000 : 0;
  if (run?.status === 'extracted' || (run?.status === 'extracting' && hours < STALE_HOURS)) return { ...state, run };
  const { first } = pager(resource.dataset, resource.paging);
  const fresh: Run = {
    ...{ id: runId(now), started_at: now.toISOString(), moved_at: now.toISOString(), execution },
    ...{ status: 'extracting', pages: 0, records: 0, at: first },
  };
  return { ...(await writeState(store, state, { cursor: state.cursor, run: fresh })), run: fresh };
}

/** Moves the increment on to the newest record of the run, which is in bronze now; said twice, it is said once. */
async function confirm(store: StateStore, state: State, id: string | undefined): Promise<Run> {
  const { run } = state;
  if (!run || run.id !== id || run.status === 'extracting') {
    throw new Error(
      `${store.source}, ${store.dataset}: run ${JSON.stringify(id)} is not the extracted one, which is ${JSON.stringify(run?.id)}; start the pipeline again`,
    );
  }
  if (run.status === 'extracted') {
    await writeState(store, state, { cursor: run.newest ?? state.cursor, run: { ...run, status: 'loaded' } });
  }
  return run;
}

export const handler = makeHandler({
  env: process.env,
  platform,
  s3: new S3Client(),
  secrets: new SecretsManagerClient(),
  runs: documentClient(),
  fetch: globalThis.fetch,
  sleep,
  now: () => new Date(),
});
