import { isKeyed, type KeyedCollector } from '../shared/collector-source';
import type { Source } from '../shared/source';
import { keyOf, type KeyCheck } from './keys';
import { Refusal } from './refusal';
import { header, type CollectorEvent } from './request';

/** Seconds for which a browser remembers a preflight's answer: Chromium's most. */
const PREFLIGHT_SECONDS = 7200;

const NO_KEY =
  'The write key is missing or wrong; send it in the header X-Write-Key, as the user of Authorization: Basic, or as the query parameter write_key';

/** The collectors with write keys. */
export const keyedCollectors = (sources: readonly Source[]): KeyedCollector[] =>
  sources.filter((source) => source.kind === 'collector').filter(isKeyed);

/**
 * What lets a page read an answer, if its origin is declared by any of the collectors: a preflight has no key, so its
 * answer must not tell which datasets there are. No credentials are let through, and none is looked at.
 * @see https://fetch.spec.whatwg.org/#http-cors-protocol
 */
export function corsHeaders(event: CollectorEvent, collectors: readonly KeyedCollector[]): Record<string, string> {
  const origin = header(event, 'origin');
  const known = origin !== undefined && collectors.some(({ access }) => access.origins.includes(origin));
  return {
    Vary: 'Origin',
    ...(known && { 'Access-Control-Allow-Origin': origin }),
    ...(known &&
      event.httpMethod === 'OPTIONS' && {
        'Access-Control-Allow-Methods': 'POST',
        'Access-Control-Allow-Headers': 'Authorization, Content-Type, X-Write-Key',
        'Access-Control-Max-Age': String(PREFLIGHT_SECONDS),
      }),
  };
}

/**
 * The dataset to which a request with a write key may send.
 * @param secrets ARN of each dataset's secret
 * @throws Refusal 401, in the same words for a wrong key and for a dataset that there is not; 403 when the key is right
 * and a page of another origin sends it. Programs send no `Origin`, so this keeps honest browsers out, nobody else.
 */
export async function admit(
  event: CollectorEvent,
  collectors: readonly KeyedCollector[],
  secrets: Readonly<Record<string, string>>,
  check: KeyCheck,
): Promise<string> {
  const collector = collectors.find(({ dataset }) => dataset === event.pathParameters?.dataset);
  const key = keyOf(event);
  if (!collector || key === undefined || !(await check(secrets[collector.dataset], key)))
    throw new Refusal(401, NO_KEY);
  const origin = header(event, 'origin');
  if (origin === undefined || collector.access.origins.includes(origin)) return collector.dataset;
  throw new Refusal(
    403,
    `Origin is ${JSON.stringify(origin.slice(0, 100))}; pages of the origins that the collector declares (access.origins) may send`,
  );
}
