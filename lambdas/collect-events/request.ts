import type { Envelope } from '../shared/envelope';
import { lossyNumber } from '../shared/numbers';
import { MOST_RECORD_BYTES } from '../shared/put';

/** Events of one request. */
const MOST_EVENTS = 500;

/** What the sender has to put right. */
export class BadRequest extends Error {
  constructor(
    readonly status: 400 | 413,
    message: string,
  ) {
    super(message);
    this.name = 'BadRequest';
  }
}

/** What of an API Gateway event the collector reads. */
export interface CollectorEvent {
  readonly body: string | null;
  readonly isBase64Encoded: boolean;
  readonly requestContext: { readonly requestId: string };
}

/**
 * The events of a request's body: one JSON object, or an array of them.
 * @throws BadRequest when the body is missing, no JSON, neither of the two, too many, or holds a number that
 * JavaScript can't keep.
 */
export function eventsOf(event: CollectorEvent): Record<string, unknown>[] {
  const body = event.isBase64Encoded ? Buffer.from(event.body ?? '', 'base64').toString('utf8') : (event.body ?? '');
  if (body.trim() === '')
    throw new BadRequest(400, 'The body is empty; send one event as a JSON object, or an array of them');
  const parsed = parseJson(body);
  const events: unknown[] = Array.isArray(parsed) ? parsed : [parsed];
  if (events.length === 0) throw new BadRequest(400, 'The body is an empty array; send at least one event');
  if (events.length > MOST_EVENTS) {
    throw new BadRequest(
      413,
      `The body has ${events.length} events; at most ${MOST_EVENTS} are allowed: send several requests`,
    );
  }
  const number = lossyNumber(body);
  if (number !== undefined) {
    throw new BadRequest(
      400,
      `The number ${number.slice(0, 50)} has more digits than JSON readers keep; send it as a string`,
    );
  }
  return events.map((value, i) => {
    if (isObject(value)) return value;
    throw new BadRequest(
      400,
      `Event ${i} is ${value === null ? 'null' : Array.isArray(value) ? 'an array' : `a ${typeof value}`}; each event is a JSON object`,
    );
  });
}

/**
 * The records to put on the stream, one for each event.
 * @throws BadRequest when one is larger than Firehose takes.
 */
export function records(
  events: readonly Record<string, unknown>[],
  about: { readonly dataset: string; readonly requestId: string; readonly receivedAt: number },
): Uint8Array[] {
  return events.map((event, ordinal) => {
    const envelope: Envelope = {
      dataset: about.dataset,
      received_at: about.receivedAt,
      request_id: about.requestId,
      ordinal,
      event,
    };
    const record = Buffer.from(JSON.stringify(envelope));
    if (record.length > MOST_RECORD_BYTES) {
      throw new BadRequest(
        413,
        `Event ${ordinal} takes ${record.length} bytes with its envelope; at most ${MOST_RECORD_BYTES} are allowed`,
      );
    }
    return record;
  });
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch (error) {
    throw new BadRequest(400, `The body is no JSON: ${error instanceof Error ? error.message : 'unreadable'}`);
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
