import {
  DescribeExecutionCommand,
  GetExecutionHistoryCommand,
  SFNClient,
  StartExecutionCommand,
  type HistoryEvent,
} from '@aws-sdk/client-sfn';
import { REGION } from './parts';

const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };

/** A step that has ended, in words: the state, and the source or dataset it worked on. */
function stepOf(event: HistoryEvent, entered: ReadonlyMap<number, HistoryEvent>): string | undefined {
  if (event.type !== 'TaskStateExited') return undefined;
  const name = event.stateExitedEventDetails?.name;
  let before = entered.get(event.previousEventId ?? -1);
  while (before && before.stateEnteredEventDetails?.name !== name) before = entered.get(before.previousEventId ?? -1);
  const input = JSON.parse(before?.stateEnteredEventDetails?.input ?? '{}') as { dataset?: string; source?: string };
  return [name, input.dataset ?? input.source].filter(Boolean).join(' ');
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
    const { events = [] } = await client.send(new GetExecutionHistoryCommand({ executionArn, maxResults: 1000 }));
    const byId = new Map(events.map((event) => [event.id ?? 0, event]));
    for (const event of events.slice(shown)) {
      const step = stepOf(event, byId);
      if (step) say(step);
    }
    shown = events.length;
    if (execution.status === 'SUCCEEDED') return;
    if (execution.status !== 'RUNNING') {
      throw new Error(`The pipeline ${execution.status}: ${execution.error ?? ''} ${execution.cause ?? ''}`.trim());
    }
    await new Promise((done) => setTimeout(done, 200));
  }
}
