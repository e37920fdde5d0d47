import { Duration } from 'aws-cdk-lib';
import { Metric } from 'aws-cdk-lib/aws-cloudwatch';
import { Grant, PolicyStatement, Role, ServicePrincipal, type IGrantable } from 'aws-cdk-lib/aws-iam';
import type { IStream } from 'aws-cdk-lib/aws-kinesis';
import { CfnDeliveryStream } from 'aws-cdk-lib/aws-kinesisfirehose';
import { LogStream } from 'aws-cdk-lib/aws-logs';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { acknowledge, acknowledgeResource } from './acknowledge';
import type { Basis } from './basis';
import type { Catalogue } from './catalogue';
import { grantObjects } from './grants';
import { Handler } from './handler';
import { Logs } from './logs';
import type { Tables } from './tables';

/** What every stream into the lake needs. */
export interface LakeStreamProps extends Basis {
  readonly catalogue: Catalogue;
  readonly errors: IBucket;
  /** Firehose refuses to be created before its tables are there. */
  readonly tables: Tables;
}

/** What makes a stream the one it is. */
export interface LakeStreamOptions {
  /** The handler that gives each record its row and its table. */
  readonly transform: string;
  /** Its environment variables. */
  readonly variables: Record<string, string>;
  /** Below this prefix of the errors bucket lies what could not be delivered, for example `firehose/`. */
  readonly errorsPrefix: string;
  /** The Kinesis stream to read, from the moment this one is created. @default - records are put on it */
  readonly source?: IStream;
}

/**
 * A Firehose stream that appends to the Iceberg tables of bronze, and to quarantine: direct PUT (encrypted) or read from
 * a Kinesis stream. A handler gives each record its row and its table. What the table refuses goes to the prefix of the
 * errors bucket. Alarms: rows that were not delivered, records that wait for more than 30 minutes.
 * `AppendOnly` cannot be changed later: CloudFormation would replace the stream.
 * @see https://docs.aws.amazon.com/firehose/latest/dev/apache-iceberg-destination.html
 * @see https://docs.aws.amazon.com/firehose/latest/dev/apache-iceberg-metric.html
 */
export class LakeStream extends Construct {
  readonly streamName: string;
  /** Below this prefix of the errors bucket lies what could not be delivered. */
  readonly errorsPrefix: string;
  /** Gives each record its row and its table. */
  readonly transform: Handler;
  protected readonly streamArn: string;

  constructor(scope: Construct, id: string, props: LakeStreamProps, options: LakeStreamOptions) {
    super(scope, id);
    const { environment, key } = props;
    const { source, errorsPrefix } = options;
    this.transform = new Handler(this, 'Transform', {
      ...props,
      name: options.transform,
      variables: options.variables,
      timeout: Duration.minutes(5),
      memorySize: 512,
    });
    const role = this.role(props, options, this.transform);
    const logGroup = new Logs(this, 'Logs', props);
    logGroup.grantWrite(role);
    const logging = (name: string) => ({
      enabled: true,
      logGroupName: logGroup.logGroupName,
      logStreamName: new LogStream(this, name, { logGroup }).logStreamName,
    });
    const buffer = { intervalInSeconds: environment.firehose.bufferSeconds, sizeInMBs: environment.firehose.bufferMiB };

    const stream = new CfnDeliveryStream(this, 'Stream', {
      ...(source
        ? {
            deliveryStreamType: 'KinesisStreamAsSource',
            // What Firehose holds of it is encrypted as the Kinesis stream is.
            kinesisStreamSourceConfiguration: { kinesisStreamArn: source.streamArn, roleArn: role.roleArn },
          }
        : {
            deliveryStreamType: 'DirectPut',
            deliveryStreamEncryptionConfigurationInput: { keyType: 'CUSTOMER_MANAGED_CMK', keyArn: key.keyArn },
          }),
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
                { parameterName: 'LambdaArn', parameterValue: this.transform.functionArn },
                // A row is larger than its event, and Lambda answers with 6 MB at most.
                { parameterName: 'BufferSizeInMBs', parameterValue: '0.5' },
                // A buffer of its own, of 60 seconds unless it is told.
                { parameterName: 'BufferIntervalInSeconds', parameterValue: String(buffer.intervalInSeconds) },
              ],
            },
          ],
        },
        s3BackupMode: 'FailedDataOnly',
        s3Configuration: {
          roleArn: role.roleArn,
          bucketArn: props.errors.bucketArn,
          errorOutputPrefix: `${errorsPrefix}!{firehose:error-output-type}/!{timestamp:yyyy/MM/dd}/`,
          encryptionConfiguration: { kmsEncryptionConfig: { awskmsKeyArn: key.keyArn } },
          cloudWatchLoggingOptions: logging('Errors'),
        },
      },
    });
    stream.node.addDependency(role, props.tables);
    if (source)
      acknowledge(stream, { 'AwsSolutions-KDF1': 'What is read of a Kinesis stream is encrypted as that is.' });
    this.streamName = stream.ref;
    this.errorsPrefix = errorsPrefix;
    this.streamArn = stream.attrArn;
    this.watch(props, errorsPrefix);
  }

  private role(props: LakeStreamProps, { source, errorsPrefix }: LakeStreamOptions, transform: Handler): Role {
    const role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('firehose.amazonaws.com'),
    });
    props.catalogue.grant(role, 'bronze', 'write');
    props.catalogue.grant(role, 'quarantine', 'write');
    grantObjects(props.errors, role, errorsPrefix, 'write');
    if (source) grantRead(source, role);
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

  private watch(props: Basis, errorsPrefix: string): void {
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
      alarmDescription: `Firehose could not write rows to their table; they lie below ${errorsPrefix} of the errors bucket.`,
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

/**
 * Lets `grantee` read a Kinesis stream, with its key, as Firehose asks for it.
 * @see https://docs.aws.amazon.com/firehose/latest/dev/controlling-access.html
 */
function grantRead(stream: IStream, grantee: IGrantable): void {
  const actions = ['kinesis:DescribeStream', 'kinesis:GetShardIterator', 'kinesis:GetRecords', 'kinesis:ListShards'];
  Grant.addToPrincipal({ grantee, actions, resourceArns: [stream.streamArn] });
  stream.encryptionKey?.grant(grantee, 'kms:Decrypt');
}
