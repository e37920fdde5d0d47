import type { FirehoseTransformationEvent } from 'aws-lambda';
import { envelope } from '../shared/envelope';
import { readEnv, text, type Variables } from '../shared/env';
import { log } from '../shared/log';
import { platform, type Platform } from '../shared/platform';
import { toRow, type TableRow } from './row';

const environment = { ENVIRONMENT: text };

/** Bytes of an answer that Lambda sends back are at most 6 MB; some are left for the frame. */
const MOST_BYTES = 5_800_000;
/** Bytes that a record takes beside its data. */
const FRAME = 300;

export interface Deps {
  readonly env: Variables;
  readonly platform: () => Platform;
  readonly now: () => Date;
}

/** A record as Firehose takes it back; `@types/aws-lambda` knows no destination. */
export interface TransformedRecord {
  readonly recordId: string;
  readonly result: 'Ok' | 'ProcessingFailed';
  readonly data: string;
  readonly metadata?: {
    readonly otfMetadata: {
      readonly destinationDatabaseName: string;
      readonly destinationTableName: string;
      readonly operation: 'insert';
    };
  };
}

/**
 * Turns the stream's records into rows for Iceberg tables, each with its destination. What breaks its contract becomes
 * a row of quarantine. What is no envelope of ours comes back as it is (`ProcessingFailed`), and Firehose puts it
 * under its error prefix. So does what no longer fits into the answer: nothing is lost, and the stream's alarm tells;
 * a smaller buffer of the processor (`BufferSizeInMBs`) prevents it.
 * @see https://docs.aws.amazon.com/firehose/latest/dev/apache-iceberg-format-input-record-different.html
 * @see https://docs.aws.amazon.com/firehose/latest/dev/data-transformation-status-model.html
 */
export const makeHandler =
  (deps: Deps) =>
  (event: FirehoseTransformationEvent): Promise<{ records: TransformedRecord[] }> => {
    const config = readEnv(environment, deps.env);
    const contracts = new Map(deps.platform().contracts.map((contract) => [contract.dataset, contract]));
    const now = deps.now();
    const counts = { ok: 0, quarantined: 0, failed: 0, unknownFields: 0 };
    let free = MOST_BYTES - event.records.reduce((sum, { data }) => sum + data.length + FRAME, 0);

    const records = event.records.map(({ recordId, data }): TransformedRecord => {
      const parsed = envelope.safeParse(parseRecord(data));
      const row = parsed.success
        ? toRow(contracts.get(parsed.data.dataset), parsed.data, config.ENVIRONMENT, now)
        : undefined;
      const encoded = row && Buffer.from(row.json).toString('base64');
      if (!encoded || encoded.length - data.length > free) {
        counts.failed += 1;
        return { recordId, result: 'ProcessingFailed', data };
      }
      free -= encoded.length - data.length;
      counts[row.rejected === undefined ? 'ok' : 'quarantined'] += 1;
      counts.unknownFields += row.unknown.length;
      return { recordId, result: 'Ok', data: encoded, metadata: destination(row) };
    });
    log('events transformed', counts);
    return Promise.resolve({ records });
  };

function parseRecord(data: string): unknown {
  try {
    return JSON.parse(Buffer.from(data, 'base64').toString('utf8'));
  } catch {
    return undefined;
  }
}

const destination = ({ database, table }: TableRow): TransformedRecord['metadata'] => ({
  otfMetadata: { destinationDatabaseName: database, destinationTableName: table, operation: 'insert' },
});

export const handler = makeHandler({ env: process.env, platform, now: () => new Date() });
