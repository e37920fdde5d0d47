import type { FirehoseTransformationEvent } from 'aws-lambda';
import { makeHandler } from '../../../lambdas/transform-changes';
import type { Contract } from '../../../lambdas/shared/contract';
import type { DatabaseSource } from '../../../lambdas/shared/source';
import { column, contract, platform } from '../fakes';

export const NOW = new Date('2026-11-20T06:00:00.000Z');

export const parcels = contract({
  dataset: 'parcels',
  columns: [
    column('parcel_id', { name: 'bigint' }, { required: true }),
    column('weight', { name: 'decimal', precision: 38, scale: 18 }),
    column('label', { name: 'varchar', length: 40 }, { required: true }),
    column('sent_at', { name: 'timestamptz' }),
  ],
  key: ['parcel_id'],
});

export const source: DatabaseSource = {
  kind: 'database',
  name: 'depot',
  engine: 'postgres',
  database: 'depot',
  schema: 'public',
  datasets: ['parcels'],
  capture: {},
};

export interface Given {
  readonly contract?: Contract;
  readonly source?: Partial<DatabaseSource>;
}

export const handlerOf = (given: Given = {}) =>
  makeHandler({
    env: { ENVIRONMENT: 'dev', SOURCE: 'depot' },
    platform: () => platform({ contracts: [given.contract ?? parcels], sources: [{ ...source, ...given.source }] }),
    now: () => NOW,
  });

export const eventOf = (texts: readonly string[]) =>
  ({
    records: texts.map((text, i) => ({
      recordId: `r${i}`,
      data: Buffer.from(text).toString('base64'),
      kinesisRecordMetadata: { shardId: 'shardId-000000000002', sequenceNumber: `4966${i}`, subsequenceNumber: '' },
    })),
  }) as FirehoseTransformationEvent;

/** The handler's answer, with each record's data decoded. Records are JSON texts, or what is to be one. */
export async function transform(records: readonly unknown[], given: Given = {}) {
  const texts = records.map((record) => (typeof record === 'string' ? record : JSON.stringify(record)));
  const answer = await handlerOf(given)(eventOf(texts));
  return answer.records.map((record) => ({ ...record, text: Buffer.from(record.data, 'base64').toString() }));
}

/** The row that one record becomes. */
export async function rowOf(record: unknown, given: Given = {}): Promise<Record<string, unknown>> {
  const [{ result, text }] = await transform([record], given);
  expect(result).toBe('Ok');
  return JSON.parse(text) as Record<string, unknown>;
}
