import { ArnFormat, Stack } from 'aws-cdk-lib';
import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { acknowledge, acknowledgeResource } from './acknowledge';
import type { Basis } from './basis';
import { grantItems, grantObjects } from './grants';
import { Handler } from './handler';

/** Prefix of all exports within the landing bucket. */
const PREFIX = 'exports/';

export interface SnapshotExportProps extends Basis {
  readonly landing: IBucket;
  readonly runs: ITable;
}

/**
 * RDS snapshot export: the role by which RDS writes Parquet to `exports/` of the landing bucket, and the handlers that
 * start an export (`start`) and look whether it is done (`check`). A snapshot is exported once.
 * Which instance belongs to which source stands in `config/` (`databases`).
 * @see https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ExportSnapshot.html
 */
export class SnapshotExport extends Construct {
  readonly start: Handler;
  readonly check: Handler;

  constructor(scope: Construct, id: string, props: SnapshotExportProps) {
    super(scope, id);
    const { environment, landing, runs } = props;
    const exportRole = this.exportRole(props);
    const instances = Object.entries(environment.databases).map(([source, { instance }]) => [source, instance]);
    this.start = new Handler(this, 'Start', {
      ...props,
      name: 'start-export',
      variables: {
        LANDING_BUCKET: landing.bucketName,
        EXPORT_PREFIX: PREFIX,
        EXPORT_ROLE_ARN: exportRole.roleArn,
        EXPORT_KEY_ARN: props.key.keyArn,
        RUNS_TABLE: runs.tableName,
        DB_INSTANCES: JSON.stringify(Object.fromEntries(instances)),
        SNAPSHOT_TYPE: environment.snapshotType,
      },
    });
    this.check = new Handler(this, 'Check', {
      ...props,
      name: 'check-export',
      variables: { LANDING_BUCKET: landing.bucketName, EXPORT_PREFIX: PREFIX, RUNS_TABLE: runs.tableName },
    });

    this.allow(this.start, runs, ['rds:StartExportTask', 'rds:DescribeExportTasks']);
    this.allowSnapshots(this.start);
    exportRole.grantPassRole(this.start.grantPrincipal);
    props.key.grant(this.start, 'kms:DescribeKey');
    // RDS makes its own grant on the key in the caller's name.
    this.start.addToRolePolicy(
      new PolicyStatement({
        actions: ['kms:CreateGrant'],
        resources: [props.key.keyArn],
        conditions: { Bool: { 'kms:GrantIsForAWSResource': 'true' } },
      }),
    );
    this.allow(this.check, runs, ['rds:DescribeExportTasks']);
    grantObjects(landing, this.check, PREFIX, 'read');
  }

  private allow(handler: Handler, runs: ITable, actions: string[]): void {
    handler.addToRolePolicy(new PolicyStatement({ actions, resources: ['*'] }));
    grantItems(runs, handler, 'write');
    acknowledge(handler.role, {
      'AwsSolutions-IAM5[Resource::*]': 'Export tasks are no resources of RDS, and X-Ray has none.',
    });
  }

  private allowSnapshots(handler: Handler): void {
    const resources = ['db', 'snapshot'].map((resource) =>
      Stack.of(this).formatArn({
        service: 'rds',
        resource,
        resourceName: '*',
        arnFormat: ArnFormat.COLON_RESOURCE_NAME,
      }),
    );
    for (const arn of resources) acknowledgeResource(handler, arn, 'Automated snapshots have new names each day.');
    handler.addToRolePolicy(new PolicyStatement({ actions: ['rds:DescribeDBSnapshots'], resources }));
  }

  /** RDS's own list of actions, each with its asterisk. */
  private exportRole({ landing, key }: SnapshotExportProps): Role {
    const role = new Role(this, 'ExportRole', { assumedBy: new ServicePrincipal('export.rds.amazonaws.com') });
    const objects = landing.arnForObjects(`${PREFIX}*`);
    const written = ['s3:PutObject*', 's3:GetObject*', 's3:DeleteObject*'];
    role.addToPolicy(
      new PolicyStatement({ actions: ['s3:ListBucket', 's3:GetBucketLocation'], resources: [landing.bucketArn] }),
    );
    role.addToPolicy(new PolicyStatement({ actions: written, resources: [objects] }));
    key.grant(role, 'kms:Encrypt', 'kms:Decrypt', 'kms:GenerateDataKey', 'kms:DescribeKey');
    acknowledgeResource(role, objects, 'RDS names the files of an export.');
    for (const action of written) {
      acknowledge(role, { [`AwsSolutions-IAM5[Action::${action}]`]: 'RDS asks for it in these words.' });
    }
    return role;
  }
}
