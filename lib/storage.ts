import { Duration } from 'aws-cdk-lib';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import {
  BlockPublicAccess,
  Bucket,
  BucketEncryption,
  StorageClass,
  type BucketProps,
  type IBucket,
} from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import type { Environment } from '../config/environment';
import { removalPolicy } from './basis';

export interface StorageProps {
  readonly environment: Environment;
  readonly key: IKey;
}

/**
 * The buckets of the environment, each private, TLS only, encrypted with the environment's key and logged:
 *
 * - `landing`: the original bytes, as given; versioned, and infrequent access after 30 days.
 * - `lake`: the Iceberg tables, `s3://<lake>/<database>/<table>/`; versioned, old versions kept for 7 days (Iceberg
 *   keeps its own history, these are for accidents).
 * - `errors`: what Firehose could not deliver, for 90 days.
 * - `results`: what queries of the lake answered, for `lakeQueries.resultDays`.
 * - `accessLogs`: who read what, for a year. Encrypted by S3 itself: server access logs go to no other.
 *
 * A bucket that is not empty does not go, even where `removal` is `destroy`.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html
 */
export class Storage extends Construct {
  readonly landing: IBucket;
  readonly lake: IBucket;
  readonly errors: IBucket;
  readonly results: IBucket;
  readonly accessLogs: IBucket;

  constructor(scope: Construct, id: string, props: StorageProps) {
    super(scope, id);
    const common: BucketProps = {
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      enforceSSL: true,
      removalPolicy: removalPolicy(props.environment),
    };
    const abortUploads = { abortIncompleteMultipartUploadAfter: Duration.days(7) };
    this.accessLogs = new Bucket(this, 'AccessLogs', {
      ...common,
      encryption: BucketEncryption.S3_MANAGED,
      lifecycleRules: [{ expiration: Duration.days(365), ...abortUploads }],
    });
    const bucket = (name: string, more: BucketProps) =>
      new Bucket(this, name, {
        ...common,
        encryption: BucketEncryption.KMS,
        encryptionKey: props.key,
        bucketKeyEnabled: true,
        serverAccessLogsBucket: this.accessLogs,
        serverAccessLogsPrefix: `${name.toLowerCase()}/`,
        ...more,
      });
    this.landing = bucket('Landing', {
      versioned: true,
      lifecycleRules: [
        {
          ...abortUploads,
          transitions: [{ storageClass: StorageClass.INFREQUENT_ACCESS, transitionAfter: Duration.days(30) }],
        },
      ],
    });
    this.lake = bucket('Lake', {
      versioned: true,
      lifecycleRules: [{ ...abortUploads, noncurrentVersionExpiration: Duration.days(7) }],
    });
    this.errors = bucket('Errors', { lifecycleRules: [{ ...abortUploads, expiration: Duration.days(90) }] });
    const { resultDays } = props.environment.lakeQueries;
    this.results = bucket('Results', {
      lifecycleRules: [
        { abortIncompleteMultipartUploadAfter: Duration.days(1), expiration: Duration.days(resultDays) },
      ],
    });
  }
}
