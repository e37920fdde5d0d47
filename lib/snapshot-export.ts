import { ArnFormat, Stack } from 'aws-cdk-lib';
import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { copyPrefix, databaseIdentifier, type Database } from '../lambdas/shared/database';
import { reloadPrefix } from '../lambdas/shared/export';
import { isExported } from '../lambdas/shared/source';
import { acknowledge, acknowledgeResource } from './acknowledge';
import type { Basis } from './basis';
import { grantItems, grantObjects } from './grants';
import { Handler } from './handler';

/** Prefix of all exports within the landing bucket. */
const PREFIX = 'exports/';

/**
 * What copying a shared snapshot asks of its owner's key, besides grants.
 * @see https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/share-encrypted-snapshot.html
 */
const COPY_FROM_KEY = [
  'kms:DescribeKey',
  'kms:Decrypt',
  'kms:Encrypt',
  'kms:GenerateDataKey',
  'kms:GenerateDataKeyWithoutPlaintext',
  'kms:ReEncryptFrom',
  'kms:ReEncryptTo',
  'kms:RetireGrant',
];

export interface SnapshotExportProps extends Basis {
  readonly landing: IBucket;
  readonly runs: ITable;
}

/**
 * RDS snapshot export: the role by which RDS writes Parquet to `exports/` of the landing bucket, and the handlers that
 * start an export (`start`) and look whether it is done (`check`). A snapshot is exported once.
 * Which instance or cluster belongs to which source stands in `config/` (`databases`); only its snapshots may be exported,
 * and only copies that this environment made be deleted.
 * @see https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ExportSnapshot.html
 */
export class SnapshotExport extends Construct {
  readonly start: Handler;
  readonly check: Handler;

  constructor(scope: Construct, id: string, props: SnapshotExportProps) {
    super(scope, id);
    const { environment, landing, runs } = props;
    const exportRole = this.exportRole(props);
    const databases = exportedDatabases(props);
    this.start = new Handler(this, 'Start', {
      ...props,
      name: 'start-export',
      variables: {
        LANDING_BUCKET: landing.bucketName,
        EXPORT_PREFIX: PREFIX,
        EXPORT_ROLE_ARN: exportRole.roleArn,
        EXPORT_KEY_ARN: props.key.keyArn,
        RUNS_TABLE: runs.tableName,
        DATABASES: JSON.stringify(databases),
        SNAPSHOT_TYPE: environment.snapshotType,
      },
    });
    this.check = new Handler(this, 'Check', {
      ...props,
      name: 'check-export',
      variables: { LANDING_BUCKET: landing.bucketName, EXPORT_PREFIX: PREFIX, RUNS_TABLE: runs.tableName },
    });

    for (const database of Object.values(databases)) this.allowExports(props, database);
    this.allowTasks(this.start, runs);
    this.allowTasks(this.check, runs);
    exportRole.grantPassRole(this.start.grantPrincipal);
    allowKey(this.start, props.key.keyArn, ['kms:DescribeKey']);
    grantObjects(landing, this.check, PREFIX, 'read');
  }

  /** A look at one task by its name names no snapshot. */
  private allowTasks(handler: Handler, runs: ITable): void {
    handler.addToRolePolicy(new PolicyStatement({ actions: ['rds:DescribeExportTasks'], resources: ['*'] }));
    grantItems(runs, handler, 'write');
    acknowledge(handler.role, {
      'AwsSolutions-IAM5[Resource::*]': 'Export tasks are no resources of RDS, and X-Ray has none.',
    });
  }

  /**
   * Lets `start` find and export the snapshots of one database: those that `snapshotType` says and those that
   * `npm run ops -- reload` takes, or its own copies of those that another account shares.
   * @see https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonrds.html
   */
  private allowExports({ environment }: Basis, database: Database): void {
    const cluster = database.cluster === undefined ? '' : 'Cluster';
    const kind = cluster ? 'cluster-snapshot' : 'snapshot';
    const { snapshotsFrom, snapshotKeyArn } = database;
    this.allow(`rds:DescribeDB${cluster}Snapshots`, this.arn(`${kind}:*`));
    if (snapshotsFrom === undefined) {
      const identifier = databaseIdentifier(database);
      const ours = [`rds:${identifier.split(':')[1]}-*`, `${reloadPrefix(environment.name)}*`];
      const names = environment.snapshotType === 'any' ? ['*'] : ours;
      this.allow(`rds:DescribeDB${cluster}Snapshots`, this.arn(identifier));
      this.allow('rds:StartExportTask', ...names.map((name) => this.arn(`${kind}:${name}`)));
      if (snapshotKeyArn) allowKey(this.start, snapshotKeyArn, ['kms:DescribeKey']);
    } else {
      const copies = this.arn(`${kind}:${copyPrefix(environment.name, database)}*`);
      this.allow(`rds:CopyDB${cluster}Snapshot`, copies, this.arn(`${kind}:*`, snapshotsFrom));
      this.allow(`rds:DeleteDB${cluster}Snapshot`, copies);
      this.allow('rds:StartExportTask', copies);
      if (snapshotKeyArn) allowKey(this.start, snapshotKeyArn, COPY_FROM_KEY);
    }
  }

  private allow(action: string, ...resources: string[]): void {
    for (const arn of resources) {
      if (arn.endsWith('*')) acknowledgeResource(this.start, arn, 'Snapshots have new names each day.');
    }
    this.start.addToRolePolicy(new PolicyStatement({ actions: [action], resources }));
  }

  private arn(of: string, account?: string): string {
    const [resource, ...name] = of.split(':');
    return Stack.of(this).formatArn({
      service: 'rds',
      account,
      resource,
      resourceName: name.join(':'),
      arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    });
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

/** The databases whose snapshots are exported, without what only capturing their changes needs. */
function exportedDatabases({ environment, platform }: Basis): Record<string, Database> {
  return Object.fromEntries(
    platform.sources
      .filter(isExported)
      .map(({ name }): [string, Database] => [name, { ...environment.databases[name], capture: undefined }]),
  );
}

/** Lets RDS use a key in the handler's name: it makes its own grants on it. */
function allowKey(handler: Handler, keyArn: string, actions: string[]): void {
  handler.addToRolePolicy(new PolicyStatement({ actions, resources: [keyArn] }));
  handler.addToRolePolicy(
    new PolicyStatement({
      actions: ['kms:CreateGrant'],
      resources: [keyArn],
      conditions: { Bool: { 'kms:GrantIsForAWSResource': 'true' } },
    }),
  );
}
