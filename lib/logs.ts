import { RemovalPolicy } from 'aws-cdk-lib';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import type { Environment } from '../config/environment';

const RETENTION: Record<Environment['logRetentionDays'], RetentionDays> = {
  1: RetentionDays.ONE_DAY,
  7: RetentionDays.ONE_WEEK,
  30: RetentionDays.ONE_MONTH,
  90: RetentionDays.THREE_MONTHS,
  365: RetentionDays.ONE_YEAR,
  731: RetentionDays.TWO_YEARS,
};

export interface LogsProps {
  readonly environment: Environment;
  readonly key: IKey;
}

/** A log group, kept for `logRetentionDays` and encrypted with the environment's key. It goes when its stack goes. */
export class Logs extends LogGroup {
  constructor(scope: Construct, id: string, props: LogsProps) {
    super(scope, id, {
      encryptionKey: props.key,
      retention: RETENTION[props.environment.logRetentionDays],
      removalPolicy: RemovalPolicy.DESTROY,
    });
  }
}
