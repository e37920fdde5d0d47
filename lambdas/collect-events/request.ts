import type { APIGatewayProxyEvent } from 'aws-lambda';
import type { Contract } from '../shared/contract';
import { parseLossless } from '../shared/lossless';
import { Refusal } from './refusal';

/** Events of one request. */
const MOST_EVENTS = 500;

/** What of an API Gateway event the collector reads. */
export type CollectorEvent = Pick<
  APIGatewayProxyEvent,
  'httpMethod' | 'headers' | 'pathParameters' | 'queryStringParameters' | 'body' | 'isBase64Encoded'
> & { readonly requestContext: { readonly requestId: string } };

/** A value of a header, whatever the case of its name. */
export function header({ headers }: CollectorEvent, name: string): string | undefined {
  return Object.entries(headers ?? {}).find(([key]) => key.toLowerCase() === name)?.[1];
}

/** A line of newline-delimited JSON that is none. */
export class NoJson {}

/**
 * What a request's body lists, in order, not yet judged: one JSON object, an array, an object whose only member `events`
 * is an array, or newline-delimited JSON, where a line that is no JSON comes as `NoJson`. Numbers keep their digits.
 * The Content-Type is not looked at: `navigator.sendBeacon` sends a text as `text/plain`, and other types of it only
 * after a preflight.
 * @throws Refusal when the body is missing, is none of these, or lists too many.
 */
export function eventsOf(event: CollectorEvent, { columns }: Contract): unknown[] {
  const body = event.isBase64Encoded ? Buffer.from(event.body ?? '', 'base64').toString('utf8') : (event.body ?? '');
  if (body.trim() === '') {
    throw new Refusal(400, 'The body is empty; send events as JSON: an object, an array, or one object a line');
  }
  const parsed = parseBody(body);
  const ownColumn = columns.some(({ name, previousNames }) => [name, ...previousNames].includes('events'));
  const events = Array.isArray(parsed) ? parsed : ((ownColumn ? undefined : wrapped(parsed)) ?? [parsed]);
  if (events.length === 0) throw new Refusal(400, 'The body has 0 events; send 1 to 500');
  if (events.length > MOST_EVENTS) {
    throw new Refusal(
      413,
      `The body has ${events.length} events; at most ${MOST_EVENTS} are allowed: send several requests`,
    );
  }
  return events;
}

function parseBody(body: string): unknown {
  try {
    return parseLossless(body);
  } catch (error) {
    if (error instanceof RangeError) throw new Refusal(400, 'The body is nested too deeply');
    const lines = body.split('\n').filter((line) => line.trim() !== '');
    const parsed = lines.map(parseLine);
    if (lines.length > 1 && isObject(parsed[0]) && !(parsed[0] instanceof NoJson)) return parsed;
    throw new Refusal(400, `The body is no JSON: ${error instanceof Error ? error.message : 'unreadable'}`);
  }
}

function parseLine(line: string): unknown {
  try {
    return parseLossless(line);
  } catch {
    return new NoJson();
  }
}

/** The list of `{"events": […]}`. What stands beside it belongs to no event, and would be lost. */
function wrapped(parsed: unknown): unknown[] | undefined {
  if (!isObject(parsed) || !Array.isArray(parsed.events)) return undefined;
  const other = Object.keys(parsed).find((name) => name !== 'events');
  if (other === undefined) return parsed.events as unknown[];
  throw new Refusal(400, `The body has ${JSON.stringify(other.slice(0, 50))} beside "events"; put it into each event`);
}

/** Whether a value is a JSON object. */
export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
