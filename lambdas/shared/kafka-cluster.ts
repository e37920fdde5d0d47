import { z } from 'zod';

const arn = (service: string, rest: string, what: string) =>
  z.string().regex(new RegExp(`^arn:aws[a-z-]*:${service}:[a-z0-9-]+:\\d{12}:${rest}$`), what);
const id = (prefix: string) =>
  z.string().regex(new RegExp(`^${prefix}-[0-9a-f]{8,17}$`), `an ID such as ${prefix}-0123456789abcdef0`);
const SERVER = '[A-Za-z0-9.-]+:\\d{1,5}';

/** Where the job has a network interface, beside the brokers; its groups must let themselves in (Glue wants that). */
const network = z.strictObject({
  /** A private subnet with a way to S3, Glue, DynamoDB and CloudWatch Logs (endpoints or NAT), and to PyPI (NAT). */
  subnetId: id('subnet'),
  /** The subnet's zone. */
  availabilityZone: z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d[a-z]$/, 'a zone such as eu-central-1a'),
  /** The brokers let them in. */
  securityGroupIds: z.array(id('sg')).min(1, 'one security group or more'),
});

/**
 * The cluster behind a Kafka source: `serverless`, which is created (MSK Serverless), or one that there is, by its
 * bootstrap servers.
 */
export const kafkaCluster = z
  .strictObject({
    /** MSK Serverless, created in the environment's VPC. It knows IAM only. */
    serverless: z.strictObject({}).optional(),
    /** `host:port`, comma-separated, of a cluster that there is. */
    bootstrapServers: z
      .string()
      .regex(new RegExp(`^${SERVER}(,${SERVER})*$`), 'host:port, comma-separated')
      .optional(),
    /**
     * How the job logs in: `iam` (MSK), `scram` (SASL/SCRAM-SHA-512 over TLS), or `none`, which is for brokers on this
     * machine only. @default 'iam'
     */
    authentication: z.enum(['iam', 'scram', 'none']).default('iam'),
    /** The MSK cluster, where `iam` is the login of one that there is. */
    clusterArn: arn('kafka', 'cluster\\/[\\w-]+\\/[\\w-]+', 'the ARN of an MSK cluster').optional(),
    /** The secret with `username` and `password`, where the login is `scram`. */
    secretArn: arn('secretsmanager', 'secret:[\\w/+=.@-]+', 'the ARN of a secret in Secrets Manager').optional(),
    /** The customer-managed key that encrypts the secret (MSK wants one). @default - Secrets Manager's own key */
    secretKeyArn: arn('kms', 'key\\/[\\w-]+', 'the ARN of a KMS key, not of an alias').optional(),
    /** Of a cluster that there is. @default - its brokers are reached over the internet */
    network: network.optional(),
    /** Seconds from the start of a batch to the start of the next. @default 10 */
    everySeconds: z.int().min(1).max(3600).default(10),
    /** @default 'G.025X' */
    workerType: z.enum(['G.025X', 'G.1X', 'G.2X', 'G.4X', 'G.8X']).default('G.025X'),
    /** Workers of the resident job, paid for day and night. @default 2 */
    workers: z.int().min(2).max(100).default(2),
    /** Messages that bronze may lack for a quarter of an hour before an alarm goes off. @default 100000 */
    maxBehind: z.int().min(1).default(100_000),
  })
  .superRefine((cluster, context) => {
    const issue = (path: string, message: string) => {
      context.addIssue({ code: 'custom', path: [path], message });
    };
    const { serverless, bootstrapServers, authentication } = cluster;
    if ((serverless === undefined) === (bootstrapServers === undefined)) {
      issue('bootstrapServers', 'either serverless: {}, or the bootstrapServers of a cluster that there is');
    }
    for (const field of serverless ? (['clusterArn', 'network'] as const) : []) {
      if (cluster[field] !== undefined) issue(field, 'nothing with serverless, which is created');
    }
    if (serverless && authentication !== 'iam') issue('authentication', '"iam", the only login of MSK Serverless');
    if (authentication === 'iam' && bootstrapServers && !cluster.clusterArn) {
      issue('clusterArn', 'the ARN of the MSK cluster, which the role of the job names');
    }
    if ((authentication === 'scram') !== (cluster.secretArn !== undefined)) {
      issue('secretArn', 'a secret with authentication "scram", and only there');
    }
    const local = /^127\.0\.0\.1:\d+$/;
    if (authentication === 'none' && bootstrapServers?.split(',').some((server) => !local.test(server))) {
      issue('authentication', '"iam" or "scram"; "none" is for 127.0.0.1 only');
    }
  });
export type KafkaCluster = z.infer<typeof kafkaCluster>;
