import { setTimeout as pause } from 'node:timers/promises';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { z } from 'zod';
import { replayFunctionName } from '../../lambdas/shared/replay';
import { SetupError } from '../../local/toolchain';
import { replayKafka } from './replay-kafka';
import { clientOf, place, reason } from './target';
import { parseReplay, type Wanted } from './wanted';

export { USAGE } from './wanted';

/** What the handler answers. */
const answer = z.union([
  z.object({ refused: z.string() }),
  z.object({
    objects: z.int(),
    records: z.int(),
    unreadable: z.int(),
    named: z.array(z.object({ key: z.string(), line: z.int(), reason: z.string() })),
    next: z
      .object({ after: z.string().optional(), until: z.string().optional(), run: z.string().optional() })
      .optional(),
  }),
]);

/** Milliseconds between two looks at a Glue job. */
const JOB_PAUSE = 3000;

/** Calls the handler with a request; gives what it answered. */
export type Call = (request: object) => Promise<unknown>;

/**
 * `npm run ops -- replay`: lets `lambdas/replay-records` bring back what streams could not deliver, slice after slice, or a
 * Glue job what came by Kafka. It may be ended anywhere and run again.
 * @returns 1 when lines could not be read, or messages still fail
 */
export function replay(args: readonly string[]): Promise<number> {
  const wanted = parseReplay(args);
  const say = (line: string) => console.log(line);
  return wanted.isKafka ? replayKafka(wanted, say) : replaySlices(wanted, caller(wanted), say);
}

/** Asks until all is done. @throws SetupError when the handler refuses, in its words */
export async function replaySlices({ request }: Wanted, call: Call, say: (line: string) => void): Promise<number> {
  const total = { objects: 0, records: 0, unreadable: 0 };
  const done = request.dryRun ? 'would be replayed' : 'replayed';
  let run: string | undefined;
  for (let next: object | undefined = {}; next;) {
    const told = answer.parse(await call({ ...request, ...next }));
    if ('refused' in told) throw new SetupError(`Nothing was replayed: ${told.refused}`);
    total.objects += told.objects;
    total.records += told.records;
    total.unreadable += told.unreadable;
    for (const { key, line, reason } of told.named) say(`${key}, line ${line}: ${reason}; it stays there`);
    if (told.unreadable > told.named.length) say(`… and ${told.unreadable - told.named.length} lines more`);
    next = told.next;
    if (told.next?.after) say(`${amount(total)} ${done}, up to ${told.next.after}`);
    if (!told.next?.run) continue;
    if (told.next.run !== run) say(`gathering what lies in quarantine (Glue run ${told.next.run})`);
    run = told.next.run;
    await pause(JOB_PAUSE);
  }
  if (total.objects === 0)
    say(`Nothing to replay of ${request.source}: neither quarantine nor an error object${range(request)} has a record`);
  else say(`${amount(total)} ${done}; silver has them after the next merge`);
  return total.unreadable > 0 ? 1 : 0;
}

const amount = ({ records, objects }: { records: number; objects: number }): string =>
  `${records.toLocaleString('en')} records of ${objects.toLocaleString('en')} error objects`;

const range = ({ since, until }: Wanted['request']): string =>
  `${since ? ` from ${since}` : ''}${until ? ` until ${until}` : ''}`;

/** Calls the function of the environment, and says in one line why it can't be called. */
function caller(wanted: Wanted): Call {
  const { environment, endpoint } = wanted;
  const FunctionName = replayFunctionName(environment);
  const client = new LambdaClient(clientOf(wanted));
  const where = place(wanted);
  const failed = (why: string): never => {
    throw new SetupError(`Not everything was replayed: ${why}. What was is marked: run the command again`);
  };
  return async (request) => {
    try {
      const { FunctionError, Payload } = await client.send(
        new InvokeCommand({ FunctionName, Payload: Buffer.from(JSON.stringify(request)) }),
      );
      const told: unknown = JSON.parse(Buffer.from(Payload ?? []).toString() || 'null');
      if (!FunctionError) return told;
      return failed((told as { errorMessage?: string } | null)?.errorMessage ?? FunctionError);
    } catch (error) {
      if (error instanceof SetupError) throw error;
      if ((error as Error).name === 'ResourceNotFoundException')
        return failed(`there is no ${FunctionName} ${where}; deploy ${environment}`);
      const why = reason(error, wanted);
      return failed(endpoint ? why : `${FunctionName} ${where}: ${why}`);
    }
  };
}
