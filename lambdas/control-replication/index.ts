import { DatabaseMigrationServiceClient } from '@aws-sdk/client-database-migration-service';
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import type { CustomResourceAnswer } from '../shared/custom-resource';
import { documentClient } from '../shared/document-client';
import { readEnv, text, type Variables } from '../shared/env';
import { log } from '../shared/log';
import { parse } from '../shared/parse';
import { explain } from './advice';
import { controlEvent, laterEpoch, physicalId, taskOf, type ControlEvent, type Data } from './event';
import { Memory } from './memory';
import { isActive, plan } from './plan';
import { describe, start, stop, type Described } from './replication';

/** How long a deployment waits for DMS, which gets its capacity first. After that the alarms tell. */
const PATIENCE_MS = 30 * 60_000;

export interface Deps {
  readonly env: Variables;
  readonly dms: DatabaseMigrationServiceClient;
  readonly documents: DynamoDBDocumentClient;
  readonly now: () => Date;
}

/** One event, and what it takes to carry it out. */
interface Case extends Deps {
  readonly event: ControlEvent;
  readonly identifier: string;
  readonly memory: Memory;
}

/**
 * Custom resource, asynchronous: starts, stops and resumes a replication of DMS Serverless around what CloudFormation
 * does with its configuration (`event.ts` says where). It never reloads: what was captured stays captured once.
 * @throws Error in one line, with DMS's own message and what to check, when a replication does not start; never on
 * delete, and never when an update that failed is rolled back.
 */
export const makeHandler =
  (deps: Deps) =>
  async (raw: unknown): Promise<CustomResourceAnswer | { readonly IsComplete: boolean }> => {
    const event = parse('Event of a replication', controlEvent, raw);
    const { RUNS_TABLE } = readEnv({ RUNS_TABLE: text }, deps.env);
    const identifier = event.ResourceProperties.Identifier;
    const one: Case = { ...deps, event, identifier, memory: new Memory(RUNS_TABLE, deps.documents, identifier) };
    if (event.Data) return { IsComplete: await isComplete(one, event.Data) };
    return { PhysicalResourceId: physicalId(event), Data: { ...(await begin(one)) } };
  };

async function begin(one: Case): Promise<Data> {
  const { event, memory } = one;
  const task = taskOf(event);
  const notes = await memory.read();
  const old = event.OldResourceProperties?.SettingsHash;
  const left = laterEpoch(event);
  const hasFailed = old !== undefined && old === notes.failed && old !== event.ResourceProperties.SettingsHash;
  const isRollback = hasFailed || left !== undefined;
  const answer = (Wanted: Data['Wanted'], tolerant: boolean): Data => ({
    Wanted,
    Since: one.now().toISOString(),
    Tolerant: tolerant ? 'true' : 'false',
  });
  log('replication', { identifier: one.identifier, step: event.ResourceProperties.Step, task, isRollback });
  switch (task) {
    case 'nothing':
      return answer('none', true);
    case 'pause': {
      const found = await describe(one.dms, one.identifier);
      if (isActive(found)) await memory.note({ paused: true });
      return answer('idle', isRollback);
    }
    case 'go on':
      if (!notes.paused) return answer('none', true);
      await tolerate(one, () => order(one));
      return answer('running', true);
    case 'stop':
      return answer('idle', true);
    case 'start':
      if (!isRollback) await memory.note({ failed: undefined });
      // The first order is given here, so that a failure that is seen later is one of this occasion.
      await tolerate(one, () => order(one));
      return { ...answer('running', isRollback), ...(left === undefined ? {} : { Left: left }) };
  }
}

/** Starts a replication or lets it go on, if it takes commands now: if it does not, it is asked again (`look`). */
async function order(one: Case): Promise<void> {
  const found = await describe(one.dms, one.identifier);
  if (found && plan(found, 'running') === 'start') await goOn(one, found);
}

/** Only an order that was taken ends a pause. */
async function goOn({ dms, memory }: Case, found: Described): Promise<void> {
  await start(dms, found);
  await memory.note({ paused: false });
}

async function isComplete(one: Case, data: Data): Promise<boolean> {
  if (data.Wanted === 'none') return true;
  try {
    if (data.Left && !(await look({ ...one, identifier: data.Left }, { ...data, Wanted: 'idle' }))) return false;
    return await look(one, data);
  } catch (error) {
    if (data.Tolerant !== 'true') {
      await one.memory.note({ failed: one.event.ResourceProperties.SettingsHash });
      throw error;
    }
    log('replication left as it is', { identifier: one.identifier, error: String(error) });
    return true;
  }
}

/** Looks at the replication once, and does what its state asks for. */
async function look(one: Case, { Wanted, Since }: Data): Promise<boolean> {
  const wanted = Wanted === 'idle' ? 'idle' : 'running';
  const found = await describe(one.dms, one.identifier);
  const action = plan(found, wanted, true);
  const isLate = one.now().getTime() - Date.parse(Since) > PATIENCE_MS;
  log('replication', { identifier: one.identifier, status: found?.status, wanted, action });
  if (action === 'done' && wanted === 'running') await one.memory.note({ paused: false });
  if (action === 'done') return wanted === 'running' || isDrained(one, found, Since);
  if (action === 'fail' || !found || (isLate && (wanted === 'idle' || action === 'start'))) {
    const { Engine: engine } = one.event.ResourceProperties;
    throw new Error(
      explain({ identifier: one.identifier, status: found?.status ?? 'not there', told: found?.told ?? [], engine }),
    );
  }
  if (action === 'start') await goOn(one, found);
  if (action === 'stop') await stop(one.dms, found);
  if (isLate) log('replication still starts: the deployment goes on', { identifier: one.identifier });
  return isLate;
}

/** Whether what a stopped replication has written has been read since: Firehose is deleted with what it holds. */
function isDrained({ event, now }: Case, found: Described | undefined, since: string): boolean {
  if (!found?.hasRun) return true;
  const stoppedAt = found.stoppedAt?.getTime() ?? Date.parse(since);
  return now().getTime() - stoppedAt >= event.ResourceProperties.DrainSeconds * 1000;
}

async function tolerate({ identifier }: Case, attempt: () => Promise<void>): Promise<void> {
  try {
    await attempt();
  } catch (error) {
    log('replication took no order', { identifier, error: String(error) });
  }
}

export const handler = makeHandler({
  env: process.env,
  dms: new DatabaseMigrationServiceClient(),
  documents: documentClient(),
  now: () => new Date(),
});
