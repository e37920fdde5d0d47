import type { ExportTask } from '@aws-sdk/client-rds';
import { exportTarget } from '../shared/export';
import type { DatabaseSource } from '../shared/source';
import type { TableStatus } from './landed';

/**
 * Whether an export still runs or is complete.
 * @throws Error when it is unknown, failed or was cancelled, with RDS's cause.
 */
export function taskStatus(id: string, task: ExportTask | undefined): 'running' | 'complete' {
  const status = task?.Status?.toUpperCase();
  switch (status) {
    case 'STARTING':
    case 'IN_PROGRESS':
      return 'running';
    case 'COMPLETE':
      return 'complete';
    case 'FAILED':
    case 'CANCELING':
    case 'CANCELED':
      throw new Error(
        `Export ${id} ${status === 'FAILED' ? 'failed' : 'was cancelled'}: ${task?.FailureCause ?? 'RDS gave no cause'}. ` +
          'The next run starts it anew.',
      );
    default:
      throw new Error(
        status === undefined ? `RDS knows no export ${id}` : `Export ${id} has the unknown status ${status}`,
      );
  }
}

/** A dataset whose table is not in an export, or not whole. */
export interface Skipped {
  readonly dataset: string;
  /** `database.schema.table` */
  readonly table: string;
  /** What went wrong and what to do, in a line: the pipeline takes the dataset for failed by it. */
  readonly failed: string;
}

/**
 * The datasets of a source whose tables an export skipped or lacks, each with RDS's reason: that of the table, of its
 * schema or database, or of the whole export.
 * @see https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ExportSnapshot.Considerations.html
 */
export function skipped(
  source: DatabaseSource,
  task: { readonly id: string; readonly warning?: string },
  statuses: readonly TableStatus[],
): Skipped[] {
  const byTarget = new Map(statuses.map((status) => [status.target, status]));
  return source.datasets.flatMap((dataset): Skipped[] => {
    const table = exportTarget(source, dataset);
    const found = byTarget.get(table);
    if (found?.status === 'COMPLETE') return [];
    const around = [table, `${source.database}.${source.schema}`, source.database].map((t) => byTarget.get(t)?.warning);
    const reason = (around.find(Boolean) ?? task.warning ?? 'RDS gives no reason').slice(0, 300);
    const failed =
      `${table} is ${found?.status ?? 'not'} in export ${task.id}: ${reason}. RDS leaves out a table that does not exist, ` +
      'that is unlogged, that its master user may not read, whose name has a /, or that has a column name with one of ' +
      `, ; { } ( ) = or white space: mend it at the source, or take ${dataset} off sources/${source.name}.ts`;
    return [{ dataset, table, failed }];
  });
}
