import {
  paginateDescribeExportTasks,
  StartExportTaskCommand,
  type ExportTask,
  type RDSClient,
} from '@aws-sdk/client-rds';
import type { Snapshot } from './snapshot';

/** Where an export stands. A queued one is not RDS's yet: the caller asks again. */
export interface Task {
  readonly id: string;
  readonly status: 'queued' | 'running' | 'complete';
  /** What a queued export waits for. */
  readonly waitsFor?: string;
}

/** What an export writes and with whose rights. */
export interface ExportTarget {
  readonly snapshot: Snapshot;
  readonly tables: readonly string[];
  readonly bucket: string;
  readonly prefix: string;
  readonly roleArn: string;
  readonly keyArn: string;
}

const ENDED = ['COMPLETE', 'FAILED', 'CANCELED'];

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
 * that failed or was cancelled is followed by `<id>-2`, `<id>-3`… RDS exports a snapshot once at a time: while someone
 * else's export of it is under way, ours is queued.
 * @see https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ExportSnapshot.Considerations.html
 */
export function choose(id: string, tasks: readonly ExportTask[]): Task | { readonly start: string } {
  const attempts = new Map(tasks.map((task) => [task.ExportTaskIdentifier, task.Status?.toUpperCase()]));
  for (let attempt = 1; ; attempt++) {
    const name = attempt === 1 ? id : `${id}-${attempt}`;
    if (!attempts.has(name)) {
      const other = [...attempts].find(([, status]) => !ENDED.includes(status ?? ''));
      return other
        ? { id: name, status: 'queued', waitsFor: `export ${other[0] ?? ''} of the same snapshot` }
        : { start: name };
    }
    const status = attempts.get(name);
    if (status === 'COMPLETE') return { id: name, status: 'complete' };
    if (status !== 'FAILED' && status !== 'CANCELED' && status !== 'CANCELING') return { id: name, status: 'running' };
  }
}

/**
 * Starts an export. That another call started it first is no error; where the account has as many exports under way as
 * RDS allows it, whoever started them, ours is queued (RDS's API reference does not list that error).
 * @throws Error when RDS may not use a key, saying which key the snapshot has.
 */
export async function start(rds: RDSClient, id: string, target: ExportTarget): Promise<Task> {
  const command = new StartExportTaskCommand({
    ExportTaskIdentifier: id,
    SourceArn: target.snapshot.arn,
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
    if (!(error instanceof Error)) throw error;
    if (/^ExportTaskAlreadyExists/.test(error.name)) return { id, status: 'running' };
    if (/^ExportTaskLimitReached/.test(error.name)) return { id, status: 'queued', waitsFor: error.message };
    if (/^KMSKeyNotAccessible/.test(error.name) && target.snapshot.keyArn) {
      throw new Error(
        `${error.message} Snapshot ${target.snapshot.id} is encrypted with ${target.snapshot.keyArn}: if that is a ` +
          "customer-managed key, set it as snapshotKeyArn in config/, and let the key's policy allow this account to use it",
        { cause: error },
      );
    }
    throw error;
  }
}
