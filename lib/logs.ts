import { RemovalPolicy } from 'aws-cdk-lib';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import type { Environment } from '../config/environment';

export interface LogsProps {
  readonly environment: Environment;
  readonly key: IKey;
  /** Where a service insists on a name. @default - CloudFormation makes one */
  readonly logGroupName?: string;
}

/** A log group, kept for `logRetentionDays` and encrypted with the environment's key. It goes when its stack goes. */
export class Logs extends LogGroup {
  constructor(scope: Construct, id: string, props: LogsProps) {
    super(scope, id, {
      encryptionKey: props.key,
      retention: props.environment.logRetentionDays,
      removalPolicy: RemovalPolicy.DESTROY,
      logGroupName: props.logGroupName,
    });
  }
}
