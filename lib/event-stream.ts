import { Duration } from 'aws-cdk-lib';
import { Metric } from 'aws-cdk-lib/aws-cloudwatch';
import { Grant, PolicyStatement, Role, ServicePrincipal, type IGrantable } from 'aws-cdk-lib/aws-iam';
import { CfnDeliveryStream } from 'aws-cdk-lib/aws-kinesisfirehose';
import { LogStream } from 'aws-cdk-lib/aws-logs';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { acknowledgeResource } from './acknowledge';
import type { Basis } from './basis';
import type { Catalogue } from './catalogue';
import { grantObjects } from './grants';
import { Handler } from './handler';
import { Logs } from './logs';
import type { Tables } from './tables';

/** Below this prefix of the errors bucket lies what could not be delivered. */
const ERRORS_PREFIX = 'firehose/';

export interface EventStreamProps extends Basis {
  readonly catalogue: Catalogue;
  readonly errors: IBucket;
  /** Firehose refuses to be created before its tables are there. */
  readonly tables: Tables;
}

/**
 * A Firehose stream (direct PUT, encrypted) that appends to the Iceberg tables of bronze, and to quarantine:
 * `lambdas/transform-events` gives each record its row and its table. What the table refuses goes to `firehose/` of the
 * errors bucket. Alarms: rows that were not delivered, records that wait for more than 30 minutes.
 * `AppendOnly` cannot be changed later: CloudFormation would replace the stream.
 * @see https://docs.aws.amazon.com/firehose/latest/dev/apache-iceberg-destination.html
 * @see https://docs.aws.amazon.com/firehose/latest/dev/apache-iceberg-metric.html
 */
export class EventStream extends Construct {
  readonly streamName: string;
  private readonly streamArn: string;

  constructor(scope: Construct, id: string, props: EventStreamProps) {
    super(scope, id);
    const { environment, key } = props;
    const transform = new Handler(this, 'Transform', {
      ...props,
      name: 'transform-events',
      variables: { ENVIRONMENT: environment.name },
      timeout: Duration.minutes(5),
      memorySize: 512,
    });
    const role = this.role(props, transform);
    const logGroup = new Logs(this, 'Logs', props);
    logGroup.grantWrite(role);
    const logging = (name: string) => ({
      enabled: true,
      logGroupName: logGroup.logGroupName,
      logStreamName: new LogStream(this, name, { logGroup }).logStreamName,
    });
    const buffer = { intervalInSeconds: environment.firehose.bufferSeconds, sizeInMBs: environment.firehose.bufferMiB };

    const stream = new CfnDeliveryStream(this, 'Stream', {
      deliveryStreamType: 'DirectPut',
      deliveryStreamEncryptionConfigurationInput: { keyType: 'CUSTOMER_MANAGED_CMK', keyArn: key.keyArn },
      icebergDestinationConfiguration: {
        roleArn: role.roleArn,
        catalogConfiguration: { catalogArn: props.catalogue.catalogArn },
        appendOnly: true,
        bufferingHints: buffer,
        retryOptions: { durationInSeconds: 300 },
        cloudWatchLoggingOptions: logging('Delivery'),
        processingConfiguration: {
          enabled: true,
          processors: [
            {
              type: 'Lambda',
              parameters: [
                { parameterName: 'LambdaArn', parameterValue: transform.functionArn },
                // A row is larger than its event, and Lambda answers with 6 MB at most.
                { parameterName: 'BufferSizeInMBs', parameterValue: '0.5' },
              ],
            },
          ],
        },
        s3BackupMode: 'FailedDataOnly',
        s3Configuration: {
          roleArn: role.roleArn,
          bucketArn: props.errors.bucketArn,
          errorOutputPrefix: `${ERRORS_PREFIX}!{firehose:error-output-type}/!{timestamp:yyyy/MM/dd}/`,
          encryptionConfiguration: { kmsEncryptionConfig: { awskmsKeyArn: key.keyArn } },
          cloudWatchLoggingOptions: logging('Errors'),
        },
      },
    });
    stream.node.addDependency(role, props.tables);
    this.streamName = stream.ref;
    this.streamArn = stream.attrArn;
    this.watch(props);
  }

  /** Lets `grantee` put records on the stream. */
  grantPut(grantee: IGrantable): Grant {
    return Grant.addToPrincipal({ grantee, actions: ['firehose:PutRecordBatch'], resourceArns: [this.streamArn] });
  }

  private role(props: EventStreamProps, transform: Handler): Role {
    const role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('firehose.amazonaws.com'),
    });
    props.catalogue.grant(role, 'bronze', 'write');
    props.catalogue.grant(role, 'quarantine', 'write');
    grantObjects(props.errors, role, ERRORS_PREFIX, 'write');
    for (const bucket of [props.catalogue.lake, props.errors]) {
      role.addToPolicy(
        new PolicyStatement({ actions: ['s3:ListBucketMultipartUploads'], resources: [bucket.bucketArn] }),
      );
    }
    const versions = `${transform.functionArn}:*`;
    acknowledgeResource(role, versions, 'Any version of one function.');
    role.addToPolicy(
      new PolicyStatement({
        actions: ['lambda:InvokeFunction', 'lambda:GetFunctionConfiguration'],
        resources: [transform.functionArn, versions],
      }),
    );
    return role;
  }

  private watch(props: Basis): void {
    const metric = (metricName: string, statistic: string) =>
      new Metric({
        namespace: 'AWS/Firehose',
        metricName,
        dimensionsMap: { DeliveryStreamName: this.streamName },
        statistic,
        period: Duration.minutes(5),
      });
    props.alarms.watch(this, 'FailedRows', {
      metric: metric('DeliveryToIceberg.FailedRowCount', 'Sum'),
      alarmDescription: `Firehose could not write rows to their table; they lie below ${ERRORS_PREFIX} of the errors bucket.`,
      runbook: 'firehose-delivery',
    });
    props.alarms.watch(this, 'Waiting', {
      metric: metric('DeliveryToIceberg.DataFreshness', 'Maximum'),
      threshold: Duration.minutes(30).toSeconds(),
      evaluationPeriods: 3,
      alarmDescription: 'Records have waited in Firehose for more than 30 minutes.',
      runbook: 'firehose-freshness',
    });
  }
}
