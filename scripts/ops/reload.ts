import { setTimeout as pause } from 'node:timers/promises';
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import {
  CreateDBClusterSnapshotCommand,
  CreateDBSnapshotCommand,
  DeleteDBClusterSnapshotCommand,
  DeleteDBSnapshotCommand,
  RDSClient,
} from '@aws-sdk/client-rds';
import { SFNClient } from '@aws-sdk/client-sfn';
import { environment } from '../../config';
import { databaseIdentifier, type Database } from '../../lambdas/shared/database';
import { reloadPrefix } from '../../lambdas/shared/export';
import { isExported } from '../../lambdas/shared/source';
import { snapshotsOf } from '../../lambdas/start-export/snapshot';
import { followPipeline } from '../../local/pipeline';
import { SetupError } from '../../local/toolchain';
import { sources } from '../../sources';
import { clientOf, readOptions, reason, target, WHERE, type Target } from './target';

export const USAGE = 'npm run ops -- reload --source NAME [--dataset NAME,…] [--snapshot ID] [--env local] [--port N]';

/** What `npm run ops -- reload` was asked for. */
export interface Reload extends Target {
  readonly source: string;
  readonly datasets: readonly string[];
  readonly database: Database;
  /** @default - one is taken now */
  readonly snapshot: string | undefined;
}

type Say = (line: string) => void;

/** Looks after which a snapshot that is not listed yet counts as gone. */
const UNLISTED = 30;

/** @throws SetupError in one line: the value got, the values allowed. */
export function parseReload(args: readonly string[]): Reload {
  const options = {
    ...WHERE,
    source: { type: 'string' },
    dataset: { type: 'string' },
    snapshot: { type: 'string' },
  } as const;
  const values = readOptions(args, options, USAGE);
  const where = target(values);
  const exported = sources.filter(isExported);
  const source = exported.find(({ name }) => name === values.source);
  if (!source) {
    const known = exported.map(({ name }) => name).join(', ') || 'none';
    throw new SetupError(`--source is ${JSON.stringify(values.source ?? '')}: snapshots are loaded of ${known}`);
  }
  const datasets = [...new Set(values.dataset?.split(',') ?? source.datasets)];
  const unknown = datasets.find((name) => !source.datasets.includes(name));
  if (unknown !== undefined) {
    throw new SetupError(
      `--dataset has ${JSON.stringify(unknown)}: ${source.name} has ${source.datasets.join(', ')}, and several are parted by commas`,
    );
  }
  const database = environment(where.environment).databases[source.name] as Database | undefined;
  if (!database) throw new SetupError(`config/${where.environment}.ts: databases does not name ${source.name}`);
  if (database.snapshotsFrom !== undefined && values.snapshot === undefined) {
    throw new SetupError(
      `${databaseIdentifier(database)} is in account ${database.snapshotsFrom}: take a snapshot there, share it, and name it here by --snapshot`,
    );
  }
  return { ...where, source: source.name, datasets, database, snapshot: values.snapshot };
}

/**
 * `npm run ops -- reload`: loads tables of a database anew, while its stream runs, from a snapshot that is taken now and
 * deleted when it is loaded. Rows that the stream has told since win over the snapshot's (docs/decisions/0017).
 * @throws SetupError when a step failed; the snapshot stays then, and the line says how to go on with it
 */
export async function reload(args: readonly string[]): Promise<number> {
  const wanted = parseReload(args);
  const say: Say = (line) => console.log(line);
  const rds = new RDSClient(clientOf(wanted));
  const taken = wanted.snapshot === undefined ? newName(wanted.environment, new Date()) : undefined;
  const snapshot = wanted.snapshot ?? taken ?? '';
  try {
    const arn = await pipelineOf(wanted);
    if (taken !== undefined) await take(rds, wanted, taken, say);
    await load(wanted, arn, snapshot, say);
  } catch (error) {
    if (error instanceof SetupError) throw error;
    throw new SetupError(
      `The reload of ${wanted.datasets.join(', ')} failed: ${reason(error, wanted)}${goOn(wanted, taken)}`,
    );
  }
  say(`${wanted.datasets.join(', ')} loaded anew from snapshot ${snapshot}`);
  if (taken === undefined) return 0;
  await drop(rds, wanted.database, taken).catch((error: unknown) => {
    throw new SetupError(`Snapshot ${taken} is loaded and not deleted: ${reason(error, wanted)}. Delete it by hand`);
  });
  return 0;
}

/** RDS allows letters, digits and single hyphens. */
export const newName = (environment: string, now: Date): string =>
  reloadPrefix(environment) + now.toISOString().replace(/\..*/, '').replace(/[-:]/g, '').replace('T', '-');

const goOn = ({ source, datasets, environment }: Reload, taken: string | undefined): string =>
  taken === undefined
    ? ''
    : `. If snapshot ${taken} was made it stays: --source ${source} --dataset ${datasets.join(',')} --env ${environment} ` +
      `--snapshot ${taken} goes on with it; delete it when it is not wanted`;

async function pipelineOf(wanted: Reload): Promise<string> {
  const StackName = `moraine-${wanted.environment}-transformation`;
  const { Stacks } = await new CloudFormationClient(clientOf(wanted)).send(new DescribeStacksCommand({ StackName }));
  const arn = Stacks?.[0]?.Outputs?.find(({ OutputKey }) => OutputKey === 'PipelineArn')?.OutputValue;
  if (arn === undefined)
    throw new SetupError(`Stack ${StackName} has no output PipelineArn: deploy ${wanted.environment}`);
  return arn;
}

/** Milliseconds between two looks. */
const pauseOf = ({ endpoint }: Target): number => (endpoint ? 200 : 10_000);

/** A snapshot made by hand, when it is ready. */
async function take(rds: RDSClient, wanted: Reload, id: string, say: Say): Promise<void> {
  const { database } = wanted;
  say(`snapshot ${id} of ${databaseIdentifier(database)} is taken`);
  await (database.cluster === undefined
    ? rds.send(new CreateDBSnapshotCommand({ DBInstanceIdentifier: database.instance, DBSnapshotIdentifier: id }))
    : rds.send(
        new CreateDBClusterSnapshotCommand({ DBClusterIdentifier: database.cluster, DBClusterSnapshotIdentifier: id }),
      ));
  for (let status = 'creating', seen = false, looks = 0; ; looks += 1) {
    const found = (await snapshotsOf(rds, database, 'manual')).find((one) => one.id === id);
    // RDS lists a new one a moment later; one that was listed and is not any more was deleted by somebody.
    if (found === undefined && (seen || looks >= UNLISTED)) throw new Error(`snapshot ${id} is gone`);
    [status, seen] = [found?.status ?? status, seen || found !== undefined];
    if (status === 'available') return;
    if (status !== 'creating') throw new Error(`snapshot ${id} is ${status}`);
    await pause(pauseOf(wanted));
  }
}

async function load(wanted: Reload, arn: string, snapshot: string, say: Say): Promise<void> {
  const { source } = wanted;
  const datasets = wanted.datasets.map((dataset) => ({ source, dataset }));
  const branches = [{ source, wayIn: 'snapshot' as const, datasets, snapshot }];
  await followPipeline(new SFNClient(clientOf(wanted)), { arn, branches, name: 'reload', pause: pauseOf(wanted) }, say);
}

const drop = (rds: RDSClient, { cluster }: Database, id: string): Promise<unknown> =>
  cluster === undefined
    ? rds.send(new DeleteDBSnapshotCommand({ DBSnapshotIdentifier: id }))
    : rds.send(new DeleteDBClusterSnapshotCommand({ DBClusterSnapshotIdentifier: id }));
