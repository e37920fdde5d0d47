import { bronzeRow, quarantineRow, type Taking } from '../shared/bronze-row';
import { absence, readColumns, type Fault, type Reader } from '../shared/columns';
import type { Envelope } from '../shared/envelope';
import type { RejectedRow } from '../shared/finished';
import type { Outcome } from '../shared/firehose';
import { stringifyLossless } from '../shared/lossless';
import { formatPosition, parsePosition } from '../shared/position';

/**
 * The row that an event becomes: one of bronze, or one of quarantine with the reason.
 * An event carries all its columns, so a column that it lacks is null, not missing. Fields beyond the contract are
 * kept in `_rest`: senders may be ahead of it.
 */
export function toRow(reader: Reader | undefined, envelope: Envelope, to: Taking): Outcome {
  const { dataset } = envelope;
  if (!reader) {
    const reason = `${dataset} has no contract; deploy one, or correct the collector`;
    return quarantined(envelope, { reason, column: null }, to);
  }
  const values = readColumns(reader, envelope.event);
  if ('reason' in values) return quarantined(envelope, values, to);
  const lacking = values.absent.find(({ required }) => required);
  if (lacking) return quarantined(envelope, absence(lacking), to);
  const about = { position: position(envelope), origin: origin(envelope), committedAt: envelope.received_at };
  return bronzeRow({ dataset, op: 'upsert', missing: [], ...about }, values, to);
}

function quarantined(envelope: Envelope, fault: Fault, to: Taking): Outcome {
  const payload = stringifyLossless(envelope.event);
  const about = { dataset: envelope.dataset, position: position(envelope), origin: origin(envelope) };
  return quarantineRow({ ...about, fault, payload }, to);
}

const position = ({ received_at, ordinal }: Envelope): string =>
  formatPosition({ epoch: 0n, log: BigInt(received_at), ordinal: BigInt(ordinal) });

/** The request and the place in it: the same for each delivery of one event. */
const origin = ({ request_id, ordinal }: Envelope): string => `request/${request_id}/${ordinal}`;

/**
 * The envelope that an event of quarantine had: its time and place stand in the position, its request in the origin.
 * @throws Error when they do not.
 */
export function envelopeOf({ dataset, _position, _origin }: RejectedRow, event: unknown): object {
  const { log, ordinal } = parsePosition(_position ?? '');
  const [, request_id] = /^request\/(.+)\/\d+$/s.exec(_origin) ?? [];
  return { dataset, received_at: Number(log), request_id, ordinal: Number(ordinal), event };
}
