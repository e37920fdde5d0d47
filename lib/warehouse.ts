import { ArnFormat, Duration, Stack } from 'aws-cdk-lib';
import { Metric } from 'aws-cdk-lib/aws-cloudwatch';
import { Port, SecurityGroup, type IVpc } from 'aws-cdk-lib/aws-ec2';
import { CompositePrincipal, Grant, Role, ServicePrincipal, type IGrantable } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { CfnNamespace, CfnWorkgroup } from 'aws-cdk-lib/aws-redshiftserverless';
import { Construct } from 'constructs';
import { acknowledgeResource } from './acknowledge';
import { removalPolicy, type Basis } from './basis';
import type { Catalogue } from './catalogue';
import { Logs } from './logs';

const PORT = 5439;
const ADMIN = 'moraine_admin';
const LOGS = ['userlog', 'connectionlog', 'useractivitylog'];

export interface WarehouseProps extends Basis {
  readonly vpc: IVpc;
  readonly catalogue: Catalogue;
}

/**
 * Redshift Serverless: the namespace (what is stored; encrypted with the environment's key, its logs exported) and the
 * workgroup (what computes), reachable within the VPC only, by TLS only. Its default role reads silver through the Glue
 * catalogue, and nothing else of the lake.
 *
 * `maxCapacity` bounds what an hour can take and `dailyUsageLimit` what a day can: CloudFormation knows no usage limits
 * of Redshift Serverless, so the set-up of the warehouse (`Marts`) makes one, and an alarm goes off when it is reached.
 *
 * Redshift makes the administrator's password, keeps it in Secrets Manager under the environment's key, and changes it
 * every 30 days.
 * @see https://docs.aws.amazon.com/redshift/latest/mgmt/redshift-secrets-manager-integration.html
 * @see https://docs.aws.amazon.com/redshift/latest/mgmt/serverless-workgroup-namespace.html
 * @see https://docs.aws.amazon.com/redshift/latest/mgmt/serverless-audit-logging.html
 */
export class Warehouse extends Construct {
  readonly database = 'warehouse';
  readonly namespaceName: string;
  readonly workgroupName: string;
  readonly workgroupArn: string;
  readonly host: string;
  /** Reads silver; external schemas name it. */
  readonly lakeRole: Role;
  /** Members reach the warehouse. */
  readonly clients: SecurityGroup;
  private readonly key: IKey;
  private readonly namespaceArn: string;

  constructor(scope: Construct, id: string, props: WarehouseProps) {
    super(scope, id);
    const { environment, key, vpc } = props;
    const name = `moraine-${environment.name}`;
    this.key = key;
    this.lakeRole = this.role(props);

    // Redshift writes to log groups of these names, and makes them where there are none: unencrypted, and for ever.
    const logs = LOGS.map((log) => new Logs(this, log, { ...props, logGroupName: `/aws/redshift/${name}/${log}` }));
    const namespace = new CfnNamespace(this, 'Namespace', {
      namespaceName: name,
      dbName: this.database,
      adminUsername: ADMIN,
      manageAdminPassword: true,
      adminPasswordSecretKmsKeyId: key.keyId,
      kmsKeyId: key.keyId,
      iamRoles: [this.lakeRole.roleArn],
      defaultIamRoleArn: this.lakeRole.roleArn,
      logExports: LOGS,
    });
    namespace.node.addDependency(...logs);
    namespace.applyRemovalPolicy(removalPolicy(environment));
    this.namespaceName = namespace.ref;
    this.namespaceArn = namespace.attrNamespaceNamespaceArn;

    this.clients = new SecurityGroup(this, 'Clients', { vpc, description: `${name}: may connect to the warehouse` });
    const group = new SecurityGroup(this, 'Group', { vpc, description: `${name}: the warehouse` });
    group.addIngressRule(this.clients, Port.tcp(PORT), 'SQL from clients');
    const { baseCapacity, maxCapacity, dailyUsageLimit } = environment.warehouse;
    const workgroup = new CfnWorkgroup(this, 'Workgroup', {
      workgroupName: name,
      namespaceName: namespace.ref,
      baseCapacity,
      maxCapacity,
      port: PORT,
      enhancedVpcRouting: true,
      publiclyAccessible: false,
      securityGroupIds: [group.securityGroupId],
      subnetIds: vpc.isolatedSubnets.map((subnet) => subnet.subnetId),
      configParameters: [
        { parameterKey: 'require_ssl', parameterValue: 'true' },
        { parameterKey: 'enable_user_activity_logging', parameterValue: 'true' },
      ],
    });
    workgroup.applyRemovalPolicy(removalPolicy(environment));
    this.workgroupName = workgroup.ref;
    this.workgroupArn = workgroup.attrWorkgroupWorkgroupArn;
    this.host = workgroup.attrWorkgroupEndpointAddress;
    props.alarms.watch(this, 'Usage', {
      metric: new Metric({
        namespace: 'AWS/Redshift-Serverless',
        metricName: 'ComputeSeconds',
        dimensionsMap: { Workgroup: this.workgroupName },
        statistic: 'Sum',
        period: Duration.days(1),
      }),
      threshold: Duration.hours(dailyUsageLimit.rpuHours).toSeconds(),
      alarmDescription: `The warehouse used its ${dailyUsageLimit.rpuHours} RPU-hours of a day.`,
      runbook: 'warehouse-usage',
    });
  }

  /**
   * Lets `grantee` run SQL through the Data API as the database user of its own role (`IAMR:<role>`).
   * @see https://docs.aws.amazon.com/redshift/latest/mgmt/data-api-access.html
   */
  grantDataApi(grantee: IGrantable): Grant {
    Grant.addToPrincipal({
      grantee,
      actions: ['redshift-data:DescribeStatement', 'redshift-data:GetStatementResult', 'redshift-data:CancelStatement'],
      resourceArns: ['*'],
      conditions: { StringEquals: { 'redshift-data:statement-owner-iam-userid': '${aws:userid}' } },
    });
    this.grantConnect(grantee);
    return Grant.addToPrincipal({
      grantee,
      actions: ['redshift-data:ExecuteStatement', 'redshift-data:BatchExecuteStatement'],
      resourceArns: [this.workgroupArn],
    });
  }

  /**
   * Lets `grantee` set the warehouse up: act as the administrator, whose secret CloudFormation does not tell and
   * `GetNamespace` does, and set the usage limit.
   * @see https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonredshiftserverless.html
   */
  grantSetUp(grantee: IGrantable): Grant {
    const secret = Stack.of(this).formatArn({
      service: 'secretsmanager',
      resource: 'secret',
      resourceName: `redshift!${this.namespaceName}-${ADMIN}-*`,
      arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    });
    acknowledgeResource(grantee, secret, 'Secrets Manager ends the ARN of a secret with letters of its own.');
    this.key.grant(grantee, 'kms:Decrypt');
    Grant.addToPrincipal({ grantee, actions: ['secretsmanager:GetSecretValue'], resourceArns: [secret] });
    Grant.addToPrincipal({
      grantee,
      actions: ['redshift-serverless:GetNamespace'],
      resourceArns: [this.namespaceArn],
    });
    return Grant.addToPrincipal({
      grantee,
      actions: [
        'redshift-serverless:ListUsageLimits',
        'redshift-serverless:CreateUsageLimit',
        'redshift-serverless:UpdateUsageLimit',
      ],
      resourceArns: ['*'],
    });
  }

  /** Lets `grantee` get a temporary password of the database user of its own role. */
  grantConnect(grantee: IGrantable): Grant {
    return Grant.addToPrincipal({
      grantee,
      actions: ['redshift-serverless:GetCredentials', 'redshift-serverless:GetWorkgroup'],
      resourceArns: [this.workgroupArn],
    });
  }

  private role(props: WarehouseProps): Role {
    const role = new Role(this, 'LakeRole', {
      assumedBy: new CompositePrincipal(
        new ServicePrincipal('redshift-serverless.amazonaws.com'),
        new ServicePrincipal('redshift.amazonaws.com'),
      ),
      description: 'Redshift reads silver',
    });
    props.catalogue.grant(role, 'silver', 'read');
    return role;
  }
}
