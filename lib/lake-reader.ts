import { ArnFormat, Stack } from 'aws-cdk-lib';
import { ManagedPolicy, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import { acknowledgeResource } from './acknowledge';
import type { Basis } from './basis';
import type { Catalogue } from './catalogue';

export interface LakeReaderProps extends Basis {
  readonly catalogue: Catalogue;
  readonly results: IBucket;
  readonly workgroupName: string;
}

/** What running queries in a workgroup takes; saved queries are the readers' own. */
const QUERY = [
  'athena:GetWorkGroup',
  'athena:StartQueryExecution',
  'athena:StopQueryExecution',
  'athena:GetQueryExecution',
  'athena:BatchGetQueryExecution',
  'athena:ListQueryExecutions',
  'athena:GetQueryResults',
  'athena:GetQueryResultsStream',
  'athena:GetQueryRuntimeStatistics',
  'athena:CreateNamedQuery',
  'athena:UpdateNamedQuery',
  'athena:DeleteNamedQuery',
  'athena:GetNamedQuery',
  'athena:BatchGetNamedQuery',
  'athena:ListNamedQueries',
];
/** What Athena's console and drivers show beside the query. */
const METADATA = [
  'athena:GetDataCatalog',
  'athena:GetDatabase',
  'athena:ListDatabases',
  'athena:GetTableMetadata',
  'athena:ListTableMetadata',
];
const CATALOGUE = ['glue:GetDatabase', 'glue:GetDatabases', 'glue:GetTable', 'glue:GetTables', 'glue:GetPartitions'];

/**
 * What a person or program needs to ask the lake in SQL: an IAM policy, `moraine-<environment>-<region>-lake-reader`, to
 * attach to a role of yours. It has a name of its own because IAM Identity Center refers to policies by name.
 *
 * Athena runs a view with the rights of who asks, so a reader may read silver's tables and files too: until Lake
 * Formation guards them, the views are a convenience, not a wall. Nothing of bronze, quarantine and staging is readable,
 * and the key only serves through S3.
 * @see https://docs.aws.amazon.com/athena/latest/ug/example-policies-workgroup.html
 * @see https://docs.aws.amazon.com/athena/latest/ug/fine-grained-access-to-glue-resources.html
 */
export class LakeReader extends ManagedPolicy {
  constructor(scope: Construct, id: string, props: LakeReaderProps) {
    const stack = Stack.of(scope);
    super(scope, id, {
      managedPolicyName: `moraine-${props.environment.name}-${stack.region}-lake-reader`,
      description: `SQL on the lake of ${props.environment.name}: its views, and silver beneath them`,
    });
    this.mayQuery(stack, props.workgroupName);
    this.mayReadLake(props.catalogue);
    this.mayUseResults(props.results);
    this.mayUseKey(stack, props.key);
  }

  private mayQuery(stack: Stack, workgroupName: string): void {
    const athena = (resource: string, resourceName: string) =>
      stack.formatArn({ service: 'athena', resource, resourceName });
    this.allow(QUERY, [athena('workgroup', workgroupName)]);
    this.allow(METADATA, [athena('datacatalog', 'AwsDataCatalog')]);
    this.allow(['athena:ListWorkGroups', 'athena:ListDataCatalogs', 'athena:ListEngineVersions'], ['*']);
    acknowledgeResource(this, '*', 'The lists that the console shows know no resources.');
  }

  private mayReadLake(catalogue: Catalogue): void {
    const tables = (['lake', 'silver'] as const).flatMap((layer) => catalogue.arnsOf(layer));
    // Athena looks at the account's default database before any other.
    const standard = Stack.of(this).formatArn({
      service: 'glue',
      resource: 'database',
      resourceName: 'default',
      arnFormat: ArnFormat.SLASH_RESOURCE_NAME,
    });
    this.allow(CATALOGUE, [catalogue.catalogArn, standard, ...tables]);
    const silver = catalogue.databaseName('silver');
    const files = catalogue.lake.arnForObjects(`${silver}/*`);
    this.allow(['s3:GetObject'], [files]);
    this.allow(['s3:GetBucketLocation'], [catalogue.lake.bucketArn]);
    this.addStatements(
      new PolicyStatement({
        actions: ['s3:ListBucket'],
        resources: [catalogue.lake.bucketArn],
        conditions: { StringLike: { 's3:prefix': [`${silver}/*`] } },
      }),
    );
    for (const arn of [...tables, files].filter((one) => one.endsWith('*'))) {
      acknowledgeResource(this, arn, 'The contracts say which tables and views there are.');
    }
  }

  private mayUseResults(results: IBucket): void {
    const objects = results.arnForObjects('*');
    this.allow(['s3:GetBucketLocation', 's3:ListBucket', 's3:ListBucketMultipartUploads'], [results.bucketArn]);
    this.allow(['s3:GetObject', 's3:PutObject', 's3:AbortMultipartUpload', 's3:ListMultipartUploadParts'], [objects]);
    acknowledgeResource(this, objects, 'Athena names what it writes.');
  }

  private mayUseKey(stack: Stack, key: IKey): void {
    this.addStatements(
      new PolicyStatement({
        actions: ['kms:Decrypt', 'kms:GenerateDataKey'],
        resources: [key.keyArn],
        conditions: { StringEquals: { 'kms:ViaService': `s3.${stack.region}.amazonaws.com` } },
      }),
    );
  }

  private allow(actions: string[], resources: string[]): void {
    this.addStatements(new PolicyStatement({ actions, resources }));
  }
}
