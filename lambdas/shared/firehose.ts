import type { FirehoseTransformationEventRecord } from 'aws-lambda';
import type { TableRow } from './bronze-row';
import { parseLossless } from './lossless';

/** Bytes of an answer that Lambda sends back are at most 6 MB; some are left for the frame. */
const MOST_BYTES = 5_800_000;
/** Bytes that a record takes beside its data. */
const FRAME = 300;
/** Different reasons of failures that one log entry names. */
const MOST_REASONS = 10;

/** A record as Firehose gives it. */
export type StreamRecord = FirehoseTransformationEventRecord;

/** A record as Firehose takes it back; `@types/aws-lambda` knows no destination. */
export interface TransformedRecord {
  readonly recordId: string;
  readonly result: 'Ok' | 'Dropped' | 'ProcessingFailed';
  readonly data: string;
  readonly metadata?: {
    readonly otfMetadata: {
      readonly destinationDatabaseName: string;
      readonly destinationTableName: string;
      readonly operation: 'insert';
    };
  };
}

/** What became of a record: a row, nothing on purpose, or nothing because it can't be taken, and why. */
export type Outcome = TableRow | 'dropped' | { readonly failed: string };

/** What became of an event's records, for its log entry. */
export interface Counts {
  ok: number;
  quarantined: number;
  dropped: number;
  failed: number;
  /** Fields that the source told and the contracts lack. */
  unknownFields: number;
  /** Their tables and names. */
  readonly unknown: string[];
  /** Why records failed, and how many for each reason; no reason has values of the record. */
  readonly failures: Record<string, number>;
}

/**
 * Answers Firehose: each record once, in order, whatever becomes of the others. A record whose row can't be made, or no
 * longer fits into Lambda's answer, comes back as it is (`ProcessingFailed`), and Firehose puts it under its error
 * prefix: nothing is lost, and `failed` counts it; a smaller buffer of the processor (`BufferSizeInMBs`) prevents what
 * is too large.
 * @param become the outcome of a record that is JSON (`parseLossless`); what it throws fails that record alone
 * @see https://docs.aws.amazon.com/firehose/latest/dev/apache-iceberg-format-input-record-different.html
 * @see https://docs.aws.amazon.com/firehose/latest/dev/data-transformation-status-model.html
 */
export function answer(
  records: readonly StreamRecord[],
  become: (value: unknown, text: string, record: StreamRecord) => Outcome,
): { records: TransformedRecord[]; counts: Counts } {
  const counts: Counts = { ok: 0, quarantined: 0, dropped: 0, failed: 0, unknownFields: 0, unknown: [], failures: {} };
  const unknown = new Set<string>();
  let free = MOST_BYTES - records.reduce((sum, { data }) => sum + data.length + FRAME, 0);

  const answered = records.map((record): TransformedRecord => {
    const { recordId, data } = record;
    const fail = (reason: string): TransformedRecord => {
      counts.failed += 1;
      const named = Object.hasOwn(counts.failures, reason) || Object.keys(counts.failures).length < MOST_REASONS;
      const name = named ? reason : 'other reasons';
      counts.failures[name] = (counts.failures[name] ?? 0) + 1;
      return { recordId, result: 'ProcessingFailed', data };
    };
    const outcome = attempt(() => {
      const text = Buffer.from(data, 'base64').toString('utf8');
      return become(parseLossless(text), text, record);
    });
    if (outcome === 'dropped') {
      counts.dropped += 1;
      return { recordId, result: 'Dropped', data };
    }
    if ('failed' in outcome) return fail(outcome.failed);
    const encoded = Buffer.from(outcome.json).toString('base64');
    if (encoded.length - data.length > free) return fail("no longer fits into Lambda's answer of 6 MB");
    free -= encoded.length - data.length;
    counts[outcome.rejected === undefined ? 'ok' : 'quarantined'] += 1;
    counts.unknownFields += outcome.unknown.length;
    for (const name of outcome.unknown) unknown.add(`${outcome.table}.${name}`);
    return { recordId, result: 'Ok', data: encoded, metadata: destination(outcome) };
  });
  counts.unknown.push(...[...unknown].slice(0, MOST_REASONS));
  return { records: answered, counts };
}

function attempt(become: () => Outcome): Outcome {
  try {
    return become();
  } catch (error) {
    // A SyntaxError quotes the record, which may be personal.
    if (error instanceof SyntaxError) return { failed: 'is not JSON' };
    return { failed: error instanceof Error ? error.message : String(error) };
  }
}

const destination = ({ database, table }: TableRow): TransformedRecord['metadata'] => ({
  otfMetadata: { destinationDatabaseName: database, destinationTableName: table, operation: 'insert' },
});
