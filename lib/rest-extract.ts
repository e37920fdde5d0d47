import { Duration } from 'aws-cdk-lib';
import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import type { ApiSecrets } from './api-secrets';
import type { Basis } from './basis';
import { grantItems, grantObjects } from './grants';
import { Handler } from './handler';

/** Prefix of all extractions within the landing bucket. */
export const REST_PREFIX = 'rest/';

export interface RestExtractProps extends Basis {
  readonly landing: IBucket;
  /** Holds how far each extraction has come, too. */
  readonly runs: ITable;
  readonly secrets: ApiSecrets;
}

/**
 * The handler that reads REST APIs page by page to `rest/<source>/<dataset>/<run>/` of the landing bucket. It runs
 * outside the VPC, for it calls the internet; where it stops before Lambda's 15 minutes the pipeline calls it again.
 * Each source's URL stands in `config/` (`apis`).
 * @see https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
 */
export class RestExtract extends Construct {
  readonly handler: Handler;

  constructor(scope: Construct, id: string, props: RestExtractProps) {
    super(scope, id);
    const { apis } = props.environment;
    const secrets = [...props.secrets.secrets];
    this.handler = new Handler(this, 'Extract', {
      ...props,
      name: 'extract-rest',
      variables: {
        LANDING_BUCKET: props.landing.bucketName,
        LANDING_PREFIX: REST_PREFIX,
        RUNS_TABLE: props.runs.tableName,
        API_URLS: JSON.stringify(Object.fromEntries(Object.entries(apis).map(([name, { url }]) => [name, url]))),
        API_SECRETS: JSON.stringify(Object.fromEntries(secrets.map(([name, secret]) => [name, secret.secretArn]))),
      },
      timeout: Duration.minutes(15),
      memorySize: 1024,
    });
    grantObjects(props.landing, this.handler, REST_PREFIX, 'write');
    grantItems(props.runs, this.handler, 'write');
    // CDK's own grant would write the role into the key's policy, and tie the stack of the key to this one.
    const actions = ['secretsmanager:GetSecretValue'];
    for (const [, secret] of secrets) {
      this.handler.addToRolePolicy(new PolicyStatement({ actions, resources: [secret.secretArn] }));
    }
    props.key.grant(this.handler, 'kms:Decrypt');
  }
}
