/** The stacks whose resources hold what cannot be made again. */
export const STATEFUL_STACKS = ['Foundation', 'Streams', 'Warehouse'];

/** Types that hold what cannot be made again, and where each names its key; none for those that hold no data. */
export const STATEFUL: Record<string, (string | number)[] | undefined> = {
  'AWS::KMS::Key': undefined,
  'AWS::S3::Bucket': [
    'BucketEncryption',
    'ServerSideEncryptionConfiguration',
    0,
    'ServerSideEncryptionByDefault',
    'KMSMasterKeyID',
  ],
  'AWS::DynamoDB::Table': ['SSESpecification', 'KMSMasterKeyId'],
  'AWS::Glue::Database': undefined,
  'AWS::RedshiftServerless::Namespace': ['KmsKeyId'],
  'AWS::RedshiftServerless::Workgroup': undefined,
  'AWS::SecretsManager::Secret': ['KmsKeyId'],
  'AWS::MSK::ServerlessCluster': undefined,
  'AWS::Kinesis::Stream': ['StreamEncryption', 'KeyId'],
};
