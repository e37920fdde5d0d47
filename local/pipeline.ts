import {
  DescribeExecutionCommand,
  paginateGetExecutionHistory,
  SFNClient,
  StartExecutionCommand,
  type HistoryEvent,
} from '@aws-sdk/client-sfn';
import type { Branch } from '../lib/pipeline-graph';
import { credentials, REGION } from './parts';

/** What the tasks of the pipeline answer, as far as it is shown. */
interface Answer {
  readonly JobName?: string;
  readonly ExecutionTime?: number;
  readonly Arguments?: Readonly<Record<string, string>>;
  readonly Build?: unknown;
  readonly Payload?: {
    readonly exportId?: string;
    readonly status?: string;
    readonly endpoints?: readonly unknown[];
    readonly dataset?: string;
    readonly pages?: number;
    readonly records?: number;
  };
}

/** A task that has ended, in words; nothing for a look at an export that still runs. */
function stepOf(event: HistoryEvent): string | undefined {
  if (event.type === 'TaskFailed') {
    const { error, cause } = event.taskFailedEventDetails ?? {};
    const message = /"ErrorMessage": ?"((?:[^"\\]|\\.)*)/.exec(cause ?? '')?.[1] ?? cause;
    return `failed: ${error ?? ''} ${message ?? ''}`.slice(0, 500);
  }
  if (event.type !== 'TaskSucceeded') return undefined;
  const answer = JSON.parse(event.taskSucceededEventDetails?.output ?? '{}') as Answer;
  if (answer.JobName) {
    const { '--dataset': dataset, '--datasets': datasets = '' } = answer.Arguments ?? {};
    return `${answer.JobName} ${dataset ?? datasets} (${answer.ExecutionTime ?? 0} s)`;
  }
  if (answer.Build) return 'gold built by dbt';
  if (answer.Payload?.endpoints) return 'aggregates published';
  const { dataset, status, pages = 0, records = 0 } = answer.Payload ?? {};
  if (status === 'extracted') return `${dataset ?? ''} extracted: ${records} records in ${pages} pages`;
  return status === 'complete' ? `export ${answer.Payload?.exportId ?? ''} complete` : undefined;
}

/** Every event so far. */
async function history(client: SFNClient, executionArn: string | undefined): Promise<HistoryEvent[]> {
  const found: HistoryEvent[] = [];
  for await (const page of paginateGetExecutionHistory({ client }, { executionArn, maxResults: 1000 })) {
    found.push(...(page.events ?? []));
  }
  return found;
}

export interface PipelineRun {
  /** ARN of the state machine. */
  readonly arn: string;
  /** @default - all that it does each day */
  readonly branches?: readonly Branch[];
  /** What the run's name begins with. */
  readonly name: string;
  /** Milliseconds between two looks. */
  readonly pause: number;
}

/** Runs the pipeline of the local AWS, as EventBridge Scheduler does each day on AWS. */
export const runPipeline = (endpoint: string, arn: string, say: (line: string) => void): Promise<void> =>
  followPipeline(new SFNClient({ endpoint, region: REGION, credentials }), { arn, name: 'local', pause: 200 }, say);

/**
 * Starts a run of the pipeline and shows its steps until it has ended.
 * @throws Error with the execution's cause when it failed
 */
export async function followPipeline(
  client: SFNClient,
  { arn, branches, name, pause }: PipelineRun,
  say: (line: string) => void,
): Promise<void> {
  const input = JSON.stringify({ branches });
  const start = new StartExecutionCommand({ stateMachineArn: arn, name: `${name}-${Date.now()}`, input });
  const { executionArn } = await client.send(start);
  let shown = 0;
  for (;;) {
    const execution = await client.send(new DescribeExecutionCommand({ executionArn }));
    const events = await history(client, executionArn);
    for (const event of events.slice(shown)) {
      const step = stepOf(event);
      if (step) say(step);
    }
    shown = events.length;
    if (execution.status === 'SUCCEEDED') return;
    if (execution.status !== 'RUNNING') {
      const why = `${execution.error ?? ''} ${execution.cause ?? ''}`.trim();
      throw new Error(`The pipeline ended as ${execution.status}: ${why.slice(0, 1000)}`);
    }
    await new Promise((done) => setTimeout(done, pause));
  }
}
