import {
  DescribeExecutionCommand,
  paginateGetExecutionHistory,
  SFNClient,
  StartExecutionCommand,
  type HistoryEvent,
} from '@aws-sdk/client-sfn';
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
  if (answer.JobName)
    return `${answer.JobName} ${answer.Arguments?.['--dataset'] ?? ''} (${answer.ExecutionTime ?? 0} s)`;
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

/**
 * Starts the pipeline, as EventBridge Scheduler does each day on AWS, and shows its steps until it has ended.
 * @throws Error with the execution's cause when it failed
 */
export async function runPipeline(endpoint: string, arn: string, say: (line: string) => void): Promise<void> {
  const client = new SFNClient({ endpoint, region: REGION, credentials });
  const name = `local-${Date.now()}`;
  const { executionArn } = await client.send(new StartExecutionCommand({ stateMachineArn: arn, name, input: '{}' }));
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
    await new Promise((done) => setTimeout(done, 200));
  }
}
