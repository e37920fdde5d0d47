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

/**
 * Checks that every dataset of the source was exported whole.
 * @throws Error naming each table that is missing or not complete, and why RDS may have left it out.
 */
export function checkTables(id: string, source: DatabaseSource, statuses: readonly TableStatus[]): void {
  const byTarget = new Map(statuses.map(({ target, status }) => [target, status.toUpperCase()]));
  const problems = source.datasets
    .map((dataset) => exportTarget(source, dataset))
    .filter((target) => byTarget.get(target) !== 'COMPLETE')
    .map((target) => `${target} is ${byTarget.get(target) ?? 'not in it'}`);
  if (problems.length === 0) return;
  throw new Error(
    `Export ${id} is not whole: ${problems.join(', ')}. RDS leaves out a table that does not exist, whose name has a /, ` +
      'or that has a column name with one of , ; { } ( ) = or white space: rename it, or take the dataset off the source.',
  );
}
