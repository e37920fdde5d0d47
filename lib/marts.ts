import { join } from 'node:path';
import { Annotations, ArnFormat, Aws, Duration, IgnoreMode, Stack } from 'aws-cdk-lib';
import { BuildSpec, ComputeType, LinuxBuildImage, Project, Source, type ISource } from 'aws-cdk-lib/aws-codebuild';
import { SubnetType, type IVpc } from 'aws-cdk-lib/aws-ec2';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Asset } from 'aws-cdk-lib/aws-s3-assets';
import { Construct } from 'constructs';
import { acknowledge, acknowledgeResource } from './acknowledge';
import type { Basis } from './basis';
import type { Catalogue } from './catalogue';
import { Handler } from './handler';
import { HandlerResource } from './handler-resource';
import { Logs } from './logs';
import type { Serving } from './serving';
import type { Warehouse } from './warehouse';

const DBT = join(__dirname, '..', 'dbt');
/** What dbt itself writes into its folder. */
const NOT_SOURCE = ['target', 'logs', 'dbt_packages', '.user.yml', '__pycache__'];

export interface MartsProps extends Basis {
  readonly vpc: IVpc;
  readonly warehouse: Warehouse;
  readonly catalogue: Catalogue;
  readonly serving: Serving;
  /**
   * Folder with the wheels of `dbt/requirements.txt`.
   * @default - none: synth warns, for a build would have nothing to install
   */
  readonly wheels?: string;
}

/**
 * From silver to gold: a CodeBuild project that runs `dbt/buildspec.yml` within the VPC, without internet, on wheels
 * that `npm run deploy` collects in `.cache/dbt-wheels`; and the set-up of the warehouse (usage limit, external schema
 * `silver`, schemas, grants to the roles of dbt and of publishing) before the first run.
 * @see https://docs.aws.amazon.com/codebuild/latest/userguide/vpc-support.html
 */
export class Marts extends Construct {
  readonly build: Project;

  constructor(scope: Construct, id: string, props: MartsProps) {
    super(scope, id);
    const [build, role] = this.project(props);
    this.build = build;
    this.setUp(props, role);
  }

  private project(props: MartsProps): [Project, Role] {
    const { warehouse, vpc, key } = props;
    const source = new Asset(this, 'Source', { path: DBT, ignoreMode: IgnoreMode.GIT, exclude: NOT_SOURCE });
    // What dbt builds belongs to the database user `IAMR:<role name>`. The role comes and goes with its stack, staging
    // and gold stay: only under the same name can it use them again. Lower-case, as Redshift folds names.
    const role = new Role(this, 'BuildRole', {
      roleName: `moraine-${props.environment.name}-${Stack.of(this).region}-dbt`,
      assumedBy: new ServicePrincipal('codebuild.amazonaws.com'),
    });
    const build = new Project(this, 'Build', {
      role,
      description: 'dbt build: silver to gold',
      source: Source.s3({ bucket: source.bucket, path: source.s3ObjectKey }),
      secondarySources: this.wheels(props.wheels),
      buildSpec: BuildSpec.fromSourceFilename('buildspec.yml'),
      environment: { buildImage: LinuxBuildImage.AMAZON_LINUX_2023_5, computeType: ComputeType.SMALL },
      environmentVariables: {
        DBT_TARGET: { value: 'redshift' },
        MARTS_LIVE: { value: String(props.environment.live !== undefined) },
        WAREHOUSE_HOST: { value: warehouse.host },
        WAREHOUSE_WORKGROUP: { value: warehouse.workgroupName },
        WAREHOUSE_DATABASE: { value: warehouse.database },
      },
      vpc,
      subnetSelection: { subnetType: SubnetType.PRIVATE_ISOLATED },
      securityGroups: [warehouse.clients],
      encryptionKey: key,
      grantReportGroupPermissions: false,
      timeout: Duration.hours(2),
      queuedTimeout: Duration.minutes(30),
      logging: { cloudWatch: { logGroup: new Logs(this, 'BuildLogs', props) } },
    });
    warehouse.grantConnect(build);
    this.acknowledge(build, role, source);
    return [build, role];
  }

  private acknowledge(build: Project, role: Role, source: Asset): void {
    const arn = (service: string, resource: string, resourceName: string, arnFormat: ArnFormat) =>
      Stack.of(this).formatArn({ service, resource, resourceName, arnFormat });
    // As the CDK writes it, in a stack of a known account and region too.
    const interfaces = `arn:${Aws.PARTITION}:ec2:${Aws.REGION}:${Aws.ACCOUNT_ID}:network-interface/*`;
    const logs = arn('logs', 'log-group', `/aws/codebuild/${build.projectName}:*`, ArnFormat.COLON_RESOURCE_NAME);
    acknowledgeResource(role, interfaces, 'CodeBuild makes its interface in the VPC; a condition names the subnets.');
    acknowledgeResource(role, logs, "CDK's own grant on the project's log streams.");
    acknowledge(build, {
      'AwsSolutions-IAM5[Resource::*]': 'EC2 describes, makes and deletes interfaces without naming resources.',
    });
    acknowledge(role, {
      'AwsSolutions-IAM5[Action::s3:GetObject*]': "CDK's own grant on the bucket of its assets.",
      'AwsSolutions-IAM5[Action::s3:GetBucket*]': "CDK's own grant on the bucket of its assets.",
      'AwsSolutions-IAM5[Action::s3:List*]': "CDK's own grant on the bucket of its assets.",
      'AwsSolutions-IAM5[Action::kms:GenerateDataKey*]': "CDK's own grant on the key of the build's artefacts.",
      'AwsSolutions-IAM5[Action::kms:ReEncrypt*]': "CDK's own grant on the key of the build's artefacts.",
    });
    acknowledgeResource(role, source.bucket.arnForObjects('*'), "CDK's own grant on the bucket of its assets.");
  }

  private wheels(path?: string): ISource[] | undefined {
    if (!path) {
      Annotations.of(this).addWarningV2(
        'moraine:dbt-wheels',
        'The dbt build has no wheels to install: deploy with npm run deploy, which collects them in .cache/dbt-wheels.',
      );
      return undefined;
    }
    const wheels = new Asset(this, 'Wheels', { path });
    return [Source.s3({ identifier: 'wheels', bucket: wheels.bucket, path: wheels.s3ObjectKey })];
  }

  private setUp(props: MartsProps, buildRole: Role): void {
    const { warehouse } = props;
    const variables = {
      WORKGROUP: warehouse.workgroupName,
      DATABASE: warehouse.database,
      WORKGROUP_ARN: warehouse.workgroupArn,
      NAMESPACE: warehouse.namespaceName,
      USAGE_LIMIT: JSON.stringify(props.environment.warehouse.dailyUsageLimit),
      SPECTRUM_ROLE_ARN: warehouse.lakeRole.roleArn,
      SILVER_DATABASE: props.catalogue.databaseName('silver'),
      DBT_ROLE: buildRole.roleName,
      PUBLISH_ROLE: props.serving.publish.role.roleName,
    };
    const setUp = new Handler(this, 'SetUp', {
      ...props,
      name: 'set-up-warehouse',
      variables,
      timeout: Duration.minutes(10),
    });
    warehouse.grantDataApi(setUp);
    warehouse.grantSetUp(setUp);
    new HandlerResource(this, 'Warehouse', {
      ...props,
      handler: setUp,
      resourceType: 'Custom::WarehouseSetUp',
      // The handler reads its variables; the same values here call it again when one of them changes.
      properties: variables,
    });
  }
}
