import { z } from 'zod';

/**
 * What differs between environments, and nothing else does: the same stacks, handlers and jobs run in all of them.
 * Sizes are AWS's own units, named in each field. Every field is checked at synth (`parseEnvironment`).
 */
const schema = z.strictObject({
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
  /** CIDR block of the environment's VPC. */
  vpcCidr: z.string().regex(/^\d+\.\d+\.\d+\.\d+\/(1[6-9]|2[0-4])$/, 'a block from /16 to /24 such as 10.0.0.0/16'),
  /** What happens to stateful resources when they leave the template. `destroy` is for environments that hold nothing. */
  removal: z.enum(['retain', 'destroy']),
  /** When the pipeline starts: an EventBridge Scheduler expression (UTC). `none` never starts it by itself. */
  schedule: z.union([z.literal('none'), z.string().regex(/^(cron|rate)\(.+\)$/, 'cron(…), rate(…) or none')]),
  /** The RDS instance behind each database source: source name → instance identifier. */
  databases: z.record(z.string(), z.strictObject({ instance: z.string().min(1) })),
  /** Which snapshots may be exported: RDS's daily automated ones, or the newest of any kind. */
  snapshotType: z.enum(['automated', 'any']),
  /** Seconds between two looks at a running export. */
  exportPollSeconds: z.int().min(1).max(3600),
  spark: z.strictObject({
    workerType: z.enum(['G.1X', 'G.2X', 'G.4X', 'G.8X']),
    /** Workers of one job run. */
    workers: z.int().min(2).max(100),
    /** Job runs at once, which is also how many datasets are loaded side by side. */
    concurrentRuns: z.int().min(1).max(50),
    timeoutMinutes: z.int().min(5).max(2880),
  }),
  warehouse: z.strictObject({
    /** Redshift Processing Units to start from and to grow to. */
    baseCapacity: z.int().min(4).max(512),
    maxCapacity: z.int().min(4).max(5632),
    /** RPU-hours a day above which an alarm goes off (CloudFormation has no usage limit that stops queries). */
    dailyUsageLimit: z.int().min(1),
  }),
  api: z.strictObject({
    /** Requests a second, and the burst on top. */
    rateLimit: z.int().min(1),
    burstLimit: z.int().min(1),
  }),
  /** Firehose writes after so many seconds, or MiB, whichever comes first. */
  firehose: z.strictObject({ bufferSeconds: z.int().min(0).max(900), bufferMiB: z.int().min(1).max(128) }),
  logRetentionDays: z.union([z.literal(1), z.literal(7), z.literal(30), z.literal(90), z.literal(365), z.literal(731)]),
  /** Who gets mail when an alarm goes off. */
  alarmEmails: z.array(z.email()),
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
  const got = issue.path.reduce<unknown>((v, key) => (v as Record<PropertyKey, unknown> | undefined)?.[key], value);
  const field = issue.path.join('.') || '(environment)';
  throw new Error(`${file}: ${field} is ${JSON.stringify(got)}: ${issue.message}. Change it in ${file}.`);
}
