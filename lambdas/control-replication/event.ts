import { z } from 'zod';

/**
 * Which of the three places in a deployment a resource stands at:
 * - `before` the replication's configuration: stops the replication, for CloudFormation to change it. Its physical ID
 *   has the settings, so CloudFormation deletes the one it leaves behind when all else is done: after a rollback
 *   that is where the replication goes on.
 * - `after` the configuration: lets it go on, and stops it before the configuration is deleted.
 * - `run`, after whatever reads its stream: starts it, and stops it before the reader goes.
 */
const step = z.enum(['before', 'after', 'run']);

const properties = z.object({
  Step: step,
  /** `ReplicationConfigIdentifier`. */
  Identifier: z.string().min(1),
  Engine: z.enum(['postgres', 'mysql', 'sqlserver']),
  /** Hash of all that the configuration says: CloudFormation calls when it changes. */
  SettingsHash: z.string().min(1),
  /** How long what is in the stream takes to be read, after which its reader may go. Seconds. */
  DrainSeconds: z.coerce.number().int().min(0).default(0),
});
export type Properties = z.infer<typeof properties>;

/** What the first call leaves for the following ones. */
const data = z.object({
  Wanted: z.enum(['running', 'idle', 'none']),
  /** When the first call was, ISO 8601. */
  Since: z.iso.datetime(),
  /** `true`: nothing that goes wrong may fail the deployment, for it deletes or rolls back. */
  Tolerant: z.enum(['true', 'false']),
  /** Identifier of a replication to stop first. */
  Left: z.string().optional(),
});
export type Data = z.infer<typeof data>;

/**
 * What the provider sends: first without `Data` (its `onEvent`), then with the `Data` of our answer, until all is done
 * (its `isComplete`).
 * @see https://docs.aws.amazon.com/cdk/api/v2/docs/aws-cdk-lib.custom_resources-readme.html#asynchronous-providers-iscomplete
 */
export const controlEvent = z.object({
  RequestType: z.enum(['Create', 'Update', 'Delete']),
  PhysicalResourceId: z.string().optional(),
  ResourceProperties: properties,
  OldResourceProperties: z
    .object({ Identifier: z.string().optional(), SettingsHash: z.string().optional() })
    .optional(),
  Data: data.optional(),
});
export type ControlEvent = z.infer<typeof controlEvent>;

/** The ID of a resource, the same on every call but for what `before` is meant to leave behind. */
export function physicalId({ RequestType, PhysicalResourceId, ResourceProperties: of }: ControlEvent): string {
  if (RequestType === 'Delete' && PhysicalResourceId) return PhysicalResourceId;
  if (of.Step === 'before') return `${of.Identifier}-before-${of.SettingsHash}`;
  return PhysicalResourceId ?? `${of.Identifier}-${of.Step}`;
}

/**
 * The replication of a later epoch that an update goes back from; undefined when it does not. Epochs only rise, so this is
 * a rollback, and the replication that it goes back to is deleted already. Identifiers end in their epoch.
 */
export function laterEpoch({ ResourceProperties: of, OldResourceProperties: old }: ControlEvent): string | undefined {
  const epoch = (identifier: string) => Number(identifier.split('-').at(-1));
  return old?.Identifier && epoch(old.Identifier) > epoch(of.Identifier) ? old.Identifier : undefined;
}

/** What a resource does on an event. */
export type Task = 'nothing' | 'pause' | 'go on' | 'start' | 'stop';

const TASKS: Record<Properties['Step'], Record<ControlEvent['RequestType'], Task>> = {
  before: { Create: 'nothing', Update: 'pause', Delete: 'go on' },
  after: { Create: 'nothing', Update: 'go on', Delete: 'stop' },
  run: { Create: 'start', Update: 'start', Delete: 'stop' },
};
export const taskOf = ({ RequestType, ResourceProperties }: ControlEvent): Task =>
  TASKS[ResourceProperties.Step][RequestType];
