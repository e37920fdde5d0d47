import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import { Grant, type IGrantable } from 'aws-cdk-lib/aws-iam';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import { acknowledgeResource } from './acknowledge';

/** Narrower than CDK's own grants, whose `s3:GetObject*` or `kms:ReEncrypt*` say more than is meant. */
export type Access = 'read' | 'write';

const OBJECTS: Record<Access, string[]> = {
  read: ['s3:GetObject'],
  write: ['s3:GetObject', 's3:PutObject', 's3:DeleteObject', 's3:AbortMultipartUpload'],
};
const OBJECTS_KEY: Record<Access, string[]> = { read: ['kms:Decrypt'], write: ['kms:Decrypt', 'kms:GenerateDataKey'] };

const READ_ITEMS = ['dynamodb:GetItem', 'dynamodb:BatchGetItem', 'dynamodb:Query'];
const ITEMS: Record<Access, string[]> = {
  read: READ_ITEMS,
  write: [...READ_ITEMS, 'dynamodb:PutItem', 'dynamodb:UpdateItem', 'dynamodb:DeleteItem', 'dynamodb:BatchWriteItem'],
};
const ITEMS_KEY: Record<Access, string[]> = {
  read: ['kms:Decrypt', 'kms:DescribeKey'],
  write: [
    'kms:Decrypt',
    'kms:DescribeKey',
    'kms:Encrypt',
    'kms:GenerateDataKey',
    'kms:ReEncryptFrom',
    'kms:ReEncryptTo',
  ],
};

/**
 * Lets `grantee` read, or read and write, the objects below `prefix` and list the bucket; with the bucket's key.
 * @param prefix for example `exports/`
 */
export function grantObjects(bucket: IBucket, grantee: IGrantable, prefix: string, access: Access): Grant {
  const objects = bucket.arnForObjects(`${prefix}*`);
  bucket.encryptionKey?.grant(grantee, ...OBJECTS_KEY[access]);
  Grant.addToPrincipal({
    grantee,
    actions: ['s3:ListBucket', 's3:GetBucketLocation'],
    resourceArns: [bucket.bucketArn],
  });
  acknowledgeResource(grantee, objects, `Objects below ${prefix} are named by whoever writes them.`);
  return Grant.addToPrincipal({ grantee, actions: OBJECTS[access], resourceArns: [objects] });
}

/**
 * Lets `grantee` read, or read and write, the items of a table; with the table's key.
 * @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
 */
export function grantItems(table: ITable, grantee: IGrantable, access: Access): Grant {
  table.encryptionKey?.grant(grantee, ...ITEMS_KEY[access]);
  return Grant.addToPrincipal({ grantee, actions: ITEMS[access], resourceArns: [table.tableArn] });
}
