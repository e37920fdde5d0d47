import { Duration } from 'aws-cdk-lib';
import { Metric } from 'aws-cdk-lib/aws-cloudwatch';
import { Port, SecurityGroup, type IVpc } from 'aws-cdk-lib/aws-ec2';
import { CompositePrincipal, Grant, Role, ServicePrincipal, type IGrantable } from 'aws-cdk-lib/aws-iam';
import { CfnNamespace, CfnWorkgroup } from 'aws-cdk-lib/aws-redshiftserverless';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import { acknowledge } from './acknowledge';
import { removalPolicy, type Basis } from './basis';
import type { Catalogue } from './catalogue';

const PORT = 5439;

export interface WarehouseProps extends Basis {
  readonly vpc: IVpc;
  readonly catalogue: Catalogue;
}

/**
 * Redshift Serverless: the namespace (what is stored; encrypted with the environment's key, its logs exported) and the
 * workgroup (what computes), reachable within the VPC only, by TLS only. Its default role reads silver through the Glue
 * catalogue, and nothing else of the lake.
 *
 * CloudFormation knows no usage limits; an alarm goes off when a day takes more than `dailyUsageLimit` RPU-hours, and
 * `maxCapacity` bounds what an hour can take.
 *
 * The administrator's password is a secret of ours, because CloudFormation does not tell the ARN of the one that
 * Redshift would manage.
 * @see https://docs.aws.amazon.com/redshift/latest/mgmt/serverless-workgroup-namespace.html
 */
export class Warehouse extends Construct {
  readonly database = 'warehouse';
  readonly workgroupName: string;
  readonly workgroupArn: string;
  readonly host: string;
  /** The administrator, who sets the warehouse up. */
  readonly adminSecret: Secret;
  /** Reads silver; external schemas name it. */
  readonly lakeRole: Role;
  /** Members reach the warehouse. */
  readonly clients: SecurityGroup;

  constructor(scope: Construct, id: string, props: WarehouseProps) {
    super(scope, id);
    const { environment, key, vpc } = props;
    const name = `moraine-${environment.name}`;
    this.adminSecret = new Secret(this, 'AdminSecret', {
      description: `${name}: administrator of the warehouse`,
      encryptionKey: key,
      removalPolicy: removalPolicy(environment),
      generateSecretString: {
        secretStringTemplate: JSON.stringify({ username: 'moraine_admin' }),
        generateStringKey: 'password',
        passwordLength: 48,
        excludePunctuation: true,
      },
    });
    acknowledge(this.adminSecret, {
      'AwsSolutions-SMG4':
        'Nobody logs in with it; it sets the warehouse up. Rotation would need a function in the VPC.',
    });
    this.lakeRole = this.role(props);

    const namespace = new CfnNamespace(this, 'Namespace', {
      namespaceName: name,
      dbName: this.database,
      adminUsername: 'moraine_admin',
      adminUserPassword: this.adminSecret.secretValueFromJson('password').unsafeUnwrap(),
      kmsKeyId: key.keyId,
      iamRoles: [this.lakeRole.roleArn],
      defaultIamRoleArn: this.lakeRole.roleArn,
      logExports: ['userlog', 'connectionlog', 'useractivitylog'],
    });
    namespace.applyRemovalPolicy(removalPolicy(environment));

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
      threshold: Duration.hours(dailyUsageLimit).toSeconds(),
      alarmDescription: `The warehouse used more than ${dailyUsageLimit} RPU-hours in a day.`,
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
   * Lets `grantee` act as the administrator. The secret's own grant would name the grantee in the key's policy, which
   * stands in an earlier stack.
   */
  grantAdmin(grantee: IGrantable): Grant {
    this.adminSecret.encryptionKey?.grant(grantee, 'kms:Decrypt');
    return Grant.addToPrincipal({
      grantee,
      actions: ['secretsmanager:GetSecretValue'],
      resourceArns: [this.adminSecret.secretArn],
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
