import { AttributeType, BillingMode, Table, TableEncryption } from 'aws-cdk-lib/aws-dynamodb';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';
import type { Environment } from '../config/environment';
import { removalPolicy } from './basis';

export interface RunRecordsProps {
  readonly environment: Environment;
  readonly key: IKey;
}

/**
 * The table of what ran and how it ended: one item for each dataset and job, each export, and gold.
 * `glue-jobs/common/runs.py` (jobs) and `lambdas/shared/run-records.ts` (the others) say how their keys `pk` and `sk`
 * are formed. On demand, point-in-time recovery, encrypted with the environment's key.
 */
export class RunRecords extends Table {
  constructor(scope: Construct, id: string, props: RunRecordsProps) {
    super(scope, id, {
      partitionKey: { name: 'pk', type: AttributeType.STRING },
      sortKey: { name: 'sk', type: AttributeType.STRING },
      billingMode: BillingMode.PAY_PER_REQUEST,
      encryption: TableEncryption.CUSTOMER_MANAGED,
      encryptionKey: props.key,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      deletionProtection: props.environment.removal === 'retain',
      removalPolicy: removalPolicy(props.environment),
    });
  }
}
