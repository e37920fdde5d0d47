import {
  paginateDescribeExportTasks,
  StartExportTaskCommand,
  type ExportTask,
  type RDSClient,
} from '@aws-sdk/client-rds';

/** Where an export stands. */
export interface Task {
  readonly id: string;
  readonly status: 'running' | 'complete';
}

/** What an export writes and with whose rights. */
export interface ExportTarget {
  readonly snapshotArn: string;
  readonly tables: readonly string[];
  readonly bucket: string;
  readonly prefix: string;
  readonly roleArn: string;
  readonly keyArn: string;
}

/** RDS's export tasks of one snapshot. */
export async function tasksOf(rds: RDSClient, snapshotArn: string): Promise<ExportTask[]> {
  const found: ExportTask[] = [];
  for await (const page of paginateDescribeExportTasks({ client: rds }, { SourceArn: snapshotArn })) {
    found.push(...(page.ExportTasks ?? []));
  }
  return found;
}

/**
 * The export to go on with, or the identifier of the one to start. An identifier can't be used again, so an export
 * that failed or was cancelled is followed by `<id>-2`, `<id>-3`…
 */
export function choose(id: string, tasks: readonly ExportTask[]): Task | { readonly start: string } {
  const attempts = new Map(tasks.map((task) => [task.ExportTaskIdentifier, task.Status?.toUpperCase()]));
  for (let attempt = 1; ; attempt++) {
    const name = attempt === 1 ? id : `${id}-${attempt}`;
    if (!attempts.has(name)) return { start: name };
    const status = attempts.get(name);
    if (status === 'COMPLETE') return { id: name, status: 'complete' };
    if (status !== 'FAILED' && status !== 'CANCELED' && status !== 'CANCELING') return { id: name, status: 'running' };
  }
}

/** Starts an export; that another call started it first is no error. */
export async function start(rds: RDSClient, id: string, target: ExportTarget): Promise<Task> {
  const command = new StartExportTaskCommand({
    ExportTaskIdentifier: id,
    SourceArn: target.snapshotArn,
    S3BucketName: target.bucket,
    S3Prefix: target.prefix,
    IamRoleArn: target.roleArn,
    KmsKeyId: target.keyArn,
    ExportOnly: [...target.tables],
  });
  try {
    const task = await rds.send(command);
    return { id, status: task.Status?.toUpperCase() === 'COMPLETE' ? 'complete' : 'running' };
  } catch (error) {
    if (error instanceof Error && /^ExportTaskAlreadyExists/.test(error.name)) return { id, status: 'running' };
    throw error;
  }
}
