import { GlueClient, StartJobRunCommand } from '@aws-sdk/client-glue';
import type { Outputs } from './deploy';
import { credentials, REGION } from './parts';

export interface UpkeepProps {
  readonly endpoint: string;
  readonly outputs: Outputs;
  readonly say: (line: string) => void;
}

/** The resident merge commits every second: its tables want maintenance more often than on AWS. */
const EVERY_MINUTES = 10;

/** Starts the maintenance of the tables, which on AWS a schedule does (`lib/repeated-job.ts`), again and again. */
export function keepTablesFast({ endpoint, outputs, say }: UpkeepProps): { stop(): Promise<void> } {
  const glue = new GlueClient({ endpoint, region: REGION, credentials });
  const start = (): void => {
    glue
      .send(new StartJobRunCommand({ JobName: outputs.MaintainJob }))
      .catch((error: unknown) => say(`the tables are not maintained, and that is tried again: ${String(error)}`));
  };
  const timer = setInterval(start, EVERY_MINUTES * 60_000);
  return {
    stop: () => {
      clearInterval(timer);
      return Promise.resolve();
    },
  };
}
