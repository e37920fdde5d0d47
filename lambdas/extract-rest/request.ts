import { MOST_PAGE_BYTES } from '../shared/rest-source';
import { backOff, type Sleep } from '../shared/retry';

/** A page as it came. */
export interface Answer {
  /** The bytes of the body, unpacked. */
  readonly bytes: Buffer;
  readonly text: string;
  /** The text, parsed: numbers beyond 2^53 are rounded here, and only here. */
  readonly body: unknown;
}

/** The API wants to be asked again later than we can wait here; the message says what it answered. */
export class Later extends Error {
  constructor(
    problem: string,
    readonly seconds: number,
  ) {
    super(problem);
  }
}

export interface Asking {
  readonly fetch: typeof fetch;
  /** What every request carries; secret, so no message shows it. */
  readonly headers: Readonly<Record<string, string>>;
  readonly sleep: Sleep;
  readonly now: () => Date;
  /** Milliseconds that may still be waited in this call of the handler. */
  readonly patience: () => number;
}

const ATTEMPTS = 6;
const SECONDS = 30;
const RETRIED = [408, 425, 429, 500, 502, 503, 504];

/**
 * Asks for one page; what fails for a while is asked for again, after as long as the API says (`Retry-After`) or a
 * doubling wait.
 * @throws Later when the wait is longer than there is time, Error in one line when the answer is no page of JSON. What
 * is secret stands in headers, so the URL may be named.
 * @see https://www.rfc-editor.org/rfc/rfc9110#name-retry-after
 */
export async function ask(asking: Asking, url: URL): Promise<Answer> {
  for (let attempt = 1; ; attempt++) {
    const outcome = await once(asking, url);
    if ('bytes' in outcome) return outcome;
    const { problem, wait } = outcome;
    if (attempt === ATTEMPTS && wait === undefined)
      throw new Error(`${problem}, ${ATTEMPTS} times; the next run goes on from here`);
    // An API that asks for no wait at all is not hurried for that.
    const milliseconds = Math.max(wait ?? 0, backOff(attempt, 1_000, 30_000));
    if (attempt === ATTEMPTS || milliseconds > asking.patience())
      throw new Later(problem, Math.ceil(milliseconds / 1000));
    await asking.sleep(milliseconds);
  }
}

/** Why there is no page yet. */
interface Delay {
  readonly problem: string;
  /** Milliseconds, as the API asks. */
  readonly wait?: number;
}

async function once(asking: Asking, url: URL): Promise<Answer | Delay> {
  let response: Response;
  let bytes: Buffer;
  try {
    response = await asking.fetch(url, {
      headers: { Accept: 'application/json', ...asking.headers },
      // A redirect could lead to another host, which must not get our credentials.
      redirect: 'manual',
      signal: AbortSignal.timeout(SECONDS * 1000),
    });
    bytes = await read(response, url);
  } catch (error) {
    if (error instanceof TooLarge) throw error;
    const { name, message, cause } = error as Error;
    const why =
      name === 'TimeoutError' ? `no answer within ${SECONDS} s` : ((cause as Error | undefined)?.message ?? message);
    return { problem: `GET ${url.href}: ${why}` };
  }
  const { status } = response;
  const said = `GET ${url.href} answered ${status}`;
  if (RETRIED.includes(status)) {
    return {
      problem: `${said}${quote(asking, bytes)}`,
      wait: retryAfter(response.headers.get('retry-after'), asking.now()),
    };
  }
  if (status >= 300 && status < 400)
    throw new Error(`${said}, a redirect to ${origin(response, url)}; put the API's final URL into config/`);
  if (status === 401 || status === 403)
    throw new Error(`${said}${quote(asking, bytes)}; check the source's secret and what it may read`);
  if (status !== 200) throw new Error(`${said}${quote(asking, bytes)}; check path and query of the source's resource`);
  return parsePage(asking, said, response.headers.get('content-type') ?? '', bytes);
}

class TooLarge extends Error {}

async function read(response: Response, url: URL): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength;
    if (size > MOST_PAGE_BYTES) {
      throw new TooLarge(
        `GET ${url.href}: the page has more than ${MOST_PAGE_BYTES} bytes; ask for smaller pages in the source's query`,
      );
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function parsePage(asking: Asking, said: string, type: string, bytes: Buffer): Answer {
  if (!/\bjson\b/i.test(type))
    throw new Error(`${said} with content type ${JSON.stringify(type)}, JSON is wanted${quote(asking, bytes)}`);
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return { bytes, text, body: JSON.parse(text) as unknown };
  } catch (error) {
    throw new Error(
      `${said} with what is not JSON (${(error as Error).message.slice(0, 100)})${quote(asking, bytes)}`,
      {
        cause: error,
      },
    );
  }
}

/** Milliseconds to wait: `Retry-After` is a number of seconds or a date. */
export function retryAfter(value: string | null, now: Date): number | undefined {
  if (value === null) return undefined;
  if (/^\d+$/.test(value.trim())) return Math.min(Number(value) * 1000, Number.MAX_SAFE_INTEGER);
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now.getTime());
}

/** The beginning of an answer, in one line, for a message; what we sent as a secret is not shown if it comes back. */
export function quote({ headers }: Asking, bytes: Buffer): string {
  const secrets = Object.values(headers).map((value) => value.replace(/^Bearer /, ''));
  const most = 400 + Math.max(0, ...secrets.map((secret) => secret.length));
  const said = secrets.reduce((text, secret) => text.replaceAll(secret, '…'), bytes.subarray(0, most).toString('utf8'));
  const line = said.replaceAll(/\s+/g, ' ').trim();
  return line ? `: ${line.slice(0, 200)}` : '';
}

function origin(response: Response, url: URL): string {
  const location = response.headers.get('location');
  return location && URL.canParse(location, url.href) ? new URL(location, url).origin : 'nowhere';
}
