/** A replication of DMS Serverless, as far as its control depends on it. */
export interface Replication {
  /** As DMS gives it, for example `running`. */
  readonly status: string;
  /** What becomes of its capacity, for example `deprovisioning`; undefined before it was first started. */
  readonly provision?: string;
}

export type Wanted = 'running' | 'idle';
export type Action = 'start' | 'stop' | 'wait' | 'done' | 'fail';

/** Neither runs nor is about to. DMS changes and deletes configurations in these states only. */
const IDLE: readonly string[] = ['created', 'ready', 'stopped', 'failed'];
/** Ends by itself in another state, and takes no commands until then. */
const BUSY: readonly string[] = ['stopping', 'modifying', 'deleting'];

/**
 * What to do next with a replication.
 * @param replication undefined when there is none (any more)
 * @param started whether it was ordered to start on this occasion: if it fails then, it fails for good
 * @see https://docs.aws.amazon.com/dms/latest/userguide/CHAP_Serverless.Components.html
 */
export function plan(replication: Replication | undefined, wanted: Wanted, started = false): Action {
  if (!replication) return wanted === 'idle' ? 'done' : 'fail';
  const { status, provision } = replication;
  if (BUSY.includes(status)) return 'wait';
  if (wanted === 'idle') return IDLE.includes(status) ? 'done' : 'stop';
  if (status === 'running') return 'done';
  if (!IDLE.includes(status)) return 'wait';
  if (provision === 'deprovisioning') return 'wait';
  return status === 'failed' && started ? 'fail' : 'start';
}

/** Whether it runs, or would without our doing: then a deployment that stops it has to let it go on. */
export const isActive = (replication: Replication | undefined): boolean =>
  replication !== undefined && !IDLE.includes(replication.status) && !BUSY.includes(replication.status);
