import { z } from 'zod';
import { database } from '../lambdas/shared/database';
import { kafkaCluster } from '../lambdas/shared/kafka-cluster';
import { api } from './api';
import { apis } from './apis';
import { network, tooSmallFor } from './network';
import { isTimeZone, scheduleProblem } from './schedule';

/** @see https://docs.aws.amazon.com/redshift/latest/mgmt/serverless-capacity.html */
const capacity = (most: number) =>
  z
    .int()
    .max(most, `allowed are 4, and 8 to ${most} in steps of 8`)
    .refine((value) => value === 4 || (value >= 8 && value % 8 === 0), `allowed are 4, and 8 to ${most} in steps of 8`);

/**
 * What differs between environments, and nothing else does: the same stacks, handlers and jobs run in all of them.
 * Sizes are AWS's own units, named in each field. Every field is checked at synth (`parseEnvironment`); those with a
 * default may be left out.
 */
const fields = z.strictObject({
  /** Also the prefix of Glue databases and of stack names. */
  name: z.string().regex(/^[a-z][a-z0-9]{1,19}$/, 'lower-case letters and digits, 2 to 20, a letter first'),
  /** AWS account and region. Leave both out to deploy to those of the credentials in use. */
  account: z
    .string()
    .regex(/^\d{12}$/, 'twelve digits')
    .optional(),
  region: z
    .string()
    .regex(/^[a-z]{2}(-[a-z]+)+-\d$/, 'a region such as eu-central-1')
    .optional(),
  /**
   * Whether this environment sets what API Gateway has once for a whole account and region: the role that writes its
   * logs. It replaces a role that is set already, so say `true` in one environment of an account that has none. With
   * `false` the role must be there: without one, API Gateway refuses to deploy an API that logs. @default false
   */
  accountSettings: z.boolean().default(false),
  /**
   * Whether this environment makes the two roles that DMS looks for by name (`dms-vpc-role`,
   * `dms-cloudwatch-logs-role`), if it captures changes. An account has them once, for all its regions; where they are
   * already, making them fails. @default - as `accountSettings`
   */
  captureRoles: z.boolean().optional(),
  network,
  /**
   * What happens to stateful resources when they leave the template. `destroy` is for environments that hold nothing.
   * @default 'retain'
   */
  removal: z.enum(['retain', 'destroy']).default('retain'),
  /**
   * When the pipeline starts: an EventBridge Scheduler expression, `cron(…)` or `rate(…)`. `none` never starts it by
   * itself. @default 'none'
   */
  schedule: z
    .string()
    .superRefine((value, context) => {
      const problem = value === 'none' ? undefined : scheduleProblem(value);
      if (problem) context.addIssue({ code: 'custom', message: problem });
    })
    .default('none'),
  /** IANA time zone in which `schedule` is read; it follows daylight saving time. @default 'Etc/UTC' */
  timeZone: z.string().refine(isTimeZone, 'an IANA time zone such as Europe/Berlin').default('Etc/UTC'),
  /** The RDS instance or Aurora cluster behind each database source, by the source's name. */
  databases: z.record(z.string(), database),
  /**
   * Database sources whose changes are not captured here, though `sources/` says so: their daily export alone brings
   * them. @default - none
   */
  withoutCapture: z.array(z.string()).default([]),
  apis,
  /** The Kafka cluster behind each source of that kind, by the source's name. @default {} */
  kafka: z.record(z.string(), kafkaCluster).default({}),
  /**
   * Which snapshots of this account's databases may be exported: RDS's daily automated ones, or the newest of any kind.
   * @default 'automated'
   */
  snapshotType: z.enum(['automated', 'any']).default('automated'),
  /** Seconds between two looks at a running export. @default 60 */
  exportPollSeconds: z.int().min(1).max(3600).default(60),
  spark: z
    .strictObject({
      /** @default 'G.1X' */
      workerType: z.enum(['G.1X', 'G.2X', 'G.4X', 'G.8X']).default('G.1X'),
      /** Workers of one job run. @default 2 */
      workers: z.int().min(2).max(100).default(2),
      /** Job runs at once, which is also how many datasets are loaded side by side. @default 4 */
      concurrentRuns: z.int().min(1).max(50).default(4),
      /** Minutes after which a job run is stopped. @default 60 */
      timeoutMinutes: z.int().min(5).max(2880).default(60),
      /**
       * The merge as a job that never ends, for silver that is seconds behind its streams. It costs its workers day and
       * night. @default - none: the pipeline merges what streams have brought
       */
      microBatches: z
        .strictObject({
          /** Seconds from the start of a dataset's merge to that of its next. @default 5 */
          everySeconds: z.int().min(1).max(3600).default(5),
          /** Datasets that are merged side by side. @default 4 */
          parallel: z.int().min(1).max(32).default(4),
          /** @default 'G.1X' */
          workerType: z.enum(['G.025X', 'G.1X', 'G.2X', 'G.4X', 'G.8X']).default('G.1X'),
          /** @default 2 */
          workers: z.int().min(2).max(100).default(2),
        })
        .optional(),
    })
    .prefault({}),
  /** Compaction of the lake's tables, and what goes from them by and by (`glue-jobs/maintain.py`). */
  maintenance: z
    .strictObject({
      /** Hours from one run to the next. @default - 24, with `spark.microBatches` 1 */
      everyHours: z.int().min(1).max(720).optional(),
      /** Hours for which the tables' snapshots stay, for readers and for time travel. @default - 48, with `spark.microBatches` 2 */
      keepHours: z.int().min(1).max(8760).optional(),
      /** Days for which a deleted row stays as a tombstone; a change of it that arrives later is refused. @default 30 */
      tombstoneDays: z.int().min(1).max(3650).default(30),
    })
    .prefault({}),
  /**
   * Answers that follow the streams between two runs of the pipeline: aggregates are views of gold with what silver has
   * merged since, and are published as often as said here. Wants `spark.microBatches`. Redshift is asked, and billed,
   * day and night. @default - none: the API answers what the pipeline's last run has built
   */
  live: z
    .strictObject({
      /** @default 1 */
      publishEveryMinutes: z.int().min(1).max(1440).default(1),
    })
    .optional(),
  warehouse: z
    .strictObject({
      /** Redshift Processing Units to start from: 4, or 8 to 1024 in steps of 8. @default 4 */
      baseCapacity: capacity(1024).default(4),
      /** RPUs to grow to: `baseCapacity` or more, in steps of 8. @default 8 */
      maxCapacity: capacity(5632).default(8),
      dailyUsageLimit: z
        .strictObject({
          /** RPU-hours a day (UTC). @default 16 */
          rpuHours: z.int().min(1).default(16),
          /**
           * What Redshift does beyond them, besides our alarm: `log` and `emit-metric` only tell, `deactivate` refuses
           * queries until the day is over. @default 'deactivate'
           */
          action: z.enum(['log', 'emit-metric', 'deactivate']).default('deactivate'),
        })
        .prefault({}),
    })
    .prefault({}),
  /** SQL on the lake (Athena). It is billed by what its queries scan: https://aws.amazon.com/athena/pricing/ */
  lakeQueries: z
    .strictObject({
      /** GiB that one query may scan; Athena cancels it beyond. @default 100 */
      scanLimitGiB: z.int().min(1).max(100_000).default(100),
      /** GiB that all queries of a day may scan before an alarm goes off; nothing is stopped. @default 1000 */
      dailyScanGiB: z.int().min(1).max(1_000_000).default(1000),
      /** Days after which what a query answered is deleted. @default 7 */
      resultDays: z.int().min(1).max(365).default(7),
    })
    .prefault({}),
  api,
  /** Firehose writes after so many seconds, or MiB, whichever comes first. @default 60 seconds, 64 MiB */
  firehose: z
    .strictObject({
      bufferSeconds: z.int().min(0).max(900).default(60),
      bufferMiB: z.int().min(1).max(128).default(64),
    })
    .prefault({}),
  /** @default 365 */
  logRetentionDays: z.literal([1, 7, 30, 90, 365, 731]).default(365),
  /** Who gets mail when an alarm goes off; each has to confirm once. @default - nobody, and synth warns */
  alarmEmails: z
    .array(z.email('an e-mail address'))
    .refine((all) => new Set(all.map((one) => one.toLowerCase())).size === all.length, 'each address once')
    .default([]),
});

const schema = fields.superRefine((environment, context) => {
  const { network: vpc, warehouse, live, spark } = environment;
  const { baseCapacity, maxCapacity } = warehouse;
  if (maxCapacity < baseCapacity) {
    context.addIssue({
      code: 'custom',
      path: ['warehouse', 'maxCapacity'],
      message: `baseCapacity (${baseCapacity}) or more`,
    });
  }
  if (live && !spark.microBatches) {
    const message = 'nothing merges between two runs of the pipeline: give spark.microBatches too, or leave it out';
    context.addIssue({ code: 'custom', path: ['live'], message });
  }
  const problem = vpc.existing ? undefined : tooSmallFor(vpc.cidr, maxCapacity);
  if (problem) context.addIssue({ code: 'custom', path: ['network', 'cidr'], message: problem });
});

/** One environment; see the fields' comments in `config/environment.ts`. */
export type Environment = z.infer<typeof schema>;

/**
 * Checks an environment's values.
 * @throws Error naming the file, the field, the value got and the values allowed.
 */
export function parseEnvironment(file: string, value: unknown): Environment {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const path = issue.code === 'unrecognized_keys' ? [...issue.path, issue.keys[0]] : issue.path;
  const got = path.reduce<unknown>((v, key) => (v as Record<PropertyKey, unknown> | undefined)?.[key], value);
  const field = path.join('.') || '(environment)';
  throw new Error(`${file}: ${field} is ${JSON.stringify(got)}: ${issue.message}. Change it in ${file}.`);
}
