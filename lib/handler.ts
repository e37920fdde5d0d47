import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Duration } from 'aws-cdk-lib';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import {
  Architecture,
  Code,
  Function as LambdaFunction,
  LoggingFormat,
  Runtime,
  Tracing,
} from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import { acknowledge } from './acknowledge';
import type { Basis } from './basis';
import { bundle } from './bundles';
import { Logs } from './logs';

export interface HandlerProps extends Basis {
  /** Folder below `lambdas/`; its `index.ts` exports `handler`. */
  readonly name: string;
  /** Environment variables. @default - none */
  readonly variables?: Record<string, string>;
  /** @default Duration.seconds(30) */
  readonly timeout?: Duration;
  /** MiB. @default 256 */
  readonly memorySize?: number;
}

/**
 * A handler of `lambdas/` as a Lambda function on the newest Node runtime, with its own role (no managed policy), its
 * own encrypted log group, X-Ray tracing, and an alarm on its errors.
 * Handlers are called synchronously (Step Functions, API Gateway, CloudFormation, Firehose); callers retry, so there is
 * no dead-letter queue.
 * @throws Error when `lambdas/<name>/index.ts` does not exist.
 * @see https://docs.aws.amazon.com/lambda/latest/dg/lambda-nodejs.html
 */
export class Handler extends LambdaFunction {
  /** Changes whenever the handler's code or its declarations do. */
  readonly codeHash: string;
  declare readonly role: Role;

  constructor(scope: Construct, id: string, props: HandlerProps) {
    const folder = bundle(props.platform, props.name);
    const logGroup = new Logs(scope, `${id}Logs`, props);
    const role = new Role(scope, `${id}Role`, { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
    logGroup.grantWrite(role);
    super(scope, id, {
      description: `lambdas/${props.name}`,
      code: Code.fromAsset(folder),
      handler: 'index.handler',
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      timeout: props.timeout ?? Duration.seconds(30),
      memorySize: props.memorySize ?? 256,
      environment: props.variables,
      tracing: Tracing.ACTIVE,
      loggingFormat: LoggingFormat.JSON,
      logGroup,
      role,
    });
    this.codeHash = createHash('sha256')
      .update(readFileSync(join(folder, 'index.js')))
      .digest('hex')
      .slice(0, 32);
    acknowledge(role, {
      'AwsSolutions-IAM5[Resource::*]': 'X-Ray takes traces for all resources only.',
    });
    props.alarms.watch(this, 'Errors', {
      metric: this.metricErrors({ period: Duration.minutes(5) }),
      alarmDescription: `lambdas/${props.name} ended with an error; its log says why.`,
    });
  }
}
