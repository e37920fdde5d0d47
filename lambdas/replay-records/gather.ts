import { GetJobRunCommand, StartJobRunCommand, type GlueClient } from '@aws-sdk/client-glue';
import type { Platform } from '../shared/platform';
import { datasetsOf } from '../shared/source';
import type { ReplayRequest, Way } from './request';

/** The Glue job that gathers rows to replay (`glue-jobs/replay_rows.py`). */
export interface Job {
  readonly glue: GlueClient;
  readonly name: string;
}

/** Starts it for a source. @returns the run's id */
export async function startGathering(
  { glue, name }: Job,
  { source: wanted, since, datasets }: ReplayRequest,
  { prefix }: Way,
  { errors, platform: { sources } }: { readonly errors: string; readonly platform: Platform },
): Promise<string> {
  const source = sources.find((one) => one.name === wanted);
  const asked = {
    '--datasets': (datasets ?? (source ? datasetsOf(source) : [])).join(','),
    '--errors': errors,
    '--prefix': prefix,
    '--run-id': `replay-${Date.now()}`,
    ...(source?.kind === 'database' && { '--schema': source.schema }),
    ...(since !== undefined && { '--since': since }),
  };
  const { JobRunId } = await glue.send(new StartJobRunCommand({ JobName: name, Arguments: asked }));
  return JobRunId ?? '';
}

/**
 * Whether a run has ended.
 * @throws Error in Glue's words when it failed.
 * @see https://docs.aws.amazon.com/glue/latest/dg/job-run-statuses.html
 */
export async function hasGathered({ glue, name }: Job, RunId: string): Promise<boolean> {
  const { JobRun } = await glue.send(new GetJobRunCommand({ JobName: name, RunId }));
  const state = JobRun?.JobRunState ?? 'UNKNOWN';
  if (state === 'SUCCEEDED') return true;
  if (['STARTING', 'RUNNING', 'WAITING', 'STOPPING'].includes(state)) return false;
  throw new Error(`Run ${RunId} of Glue job ${name} ended as ${state}: ${JobRun?.ErrorMessage ?? 'its log says why'}`);
}
