import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { AttributeType, BillingMode, Table, TableEncryption, type ITable } from 'aws-cdk-lib/aws-dynamodb';
import { ContextAttribute, Schedule, ScheduleExpression, ScheduleTargetInput } from 'aws-cdk-lib/aws-scheduler';
import { LambdaInvoke } from 'aws-cdk-lib/aws-scheduler-targets';
import { Construct } from 'constructs';
import type { Basis } from './basis';
import { grantItems } from './grants';
import { Handler } from './handler';
import type { Warehouse } from './warehouse';

export interface ServingProps extends Basis {
  readonly warehouse: Warehouse;
  readonly runs: ITable;
}

/**
 * The table that the analytics API answers from, and the handler that fills it from gold (`publish`). A version of an
 * endpoint's rows is written whole, then shown at once; later publications delete the old ones. Publishing again rebuilds
 * the table, so it is not kept when its stack goes. With `live` it is filled on a schedule too, unless
 * `schedule` is `none`.
 */
export class Serving extends Construct {
  readonly table: Table;
  readonly publish: Handler;

  constructor(scope: Construct, id: string, props: ServingProps) {
    super(scope, id);
    this.table = new Table(this, 'Table', {
      partitionKey: { name: 'pk', type: AttributeType.STRING },
      sortKey: { name: 'sk', type: AttributeType.STRING },
      billingMode: BillingMode.PAY_PER_REQUEST,
      encryption: TableEncryption.CUSTOMER_MANAGED,
      encryptionKey: props.key,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.publish = new Handler(this, 'Publish', {
      ...props,
      name: 'publish-aggregates',
      // Gold is granted to the database user `IAMR:<role name>`, in a warehouse that outlives this stack. Lower-case,
      // as Redshift folds names.
      roleName: `moraine-${props.environment.name}-${Stack.of(this).region}-publish`,
      variables: {
        WORKGROUP: props.warehouse.workgroupName,
        DATABASE: props.warehouse.database,
        SERVING_TABLE: this.table.tableName,
        RUNS_TABLE: props.runs.tableName,
      },
      timeout: Duration.minutes(15),
      memorySize: 1024,
    });
    props.warehouse.grantDataApi(this.publish);
    grantItems(this.table, this.publish, 'write');
    grantItems(props.runs, this.publish, 'write');
    const { live, schedule } = props.environment;
    if (live && schedule !== 'none') this.publishEvery(Duration.minutes(live.publishEveryMinutes), props);
  }

  private publishEvery(interval: Duration, { environment, key }: Basis): void {
    new Schedule(this, 'Schedule', {
      description: `Moraine ${environment.name}: publishes live aggregates`,
      schedule: ScheduleExpression.rate(interval),
      target: new LambdaInvoke(this.publish, {
        input: ScheduleTargetInput.fromObject({ runId: `live-${ContextAttribute.executionId}`, again: true }),
        // The next one is soon, and brings what this one would have.
        retryAttempts: 0,
      }),
      key,
    });
  }
}
