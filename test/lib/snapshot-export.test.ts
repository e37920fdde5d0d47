import { App, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { AttributeType, Table } from 'aws-cdk-lib/aws-dynamodb';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import { environment as environmentOf } from '../../config';
import type { Environment } from '../../config/environment';
import { AlarmTopic } from '../../lib/alarms';
import { readDeclarations } from '../../lib/declarations';
import { SnapshotExport } from '../../lib/snapshot-export';
import { sources } from '../../sources';
import { at } from './synthesis';

/** The sample's sources; whether changes are captured makes no difference to exports. */
const exported = sources.map((source) => (source.kind === 'database' ? { ...source, capture: undefined } : source));

const OWNER = '444455556666';
const KEY = `arn:aws:kms:eu-central-1:${OWNER}:key/1234abcd-12ab-34cd-56ef-1234567890ab`;

/** What the handler that starts exports may do with RDS and with foreign keys, as `action on resource`. */
function allowed(database: Environment['databases'][string], snapshotType: Environment['snapshotType'] = 'automated') {
  const stack = new Stack(new App(), 'Test', { env: { account: '111122223333', region: 'eu-central-1' } });
  const environment = { ...environmentOf('dev'), databases: { operations: database }, snapshotType };
  const key = new Key(stack, 'Key');
  new SnapshotExport(stack, 'Exports', {
    environment,
    platform: readDeclarations({ environment, sources: exported }),
    key,
    alarms: new AlarmTopic(stack, 'Alarms', { key }),
    landing: new Bucket(stack, 'Landing'),
    runs: new Table(stack, 'Runs', { partitionKey: { name: 'pk', type: AttributeType.STRING } }),
  });
  const policies = Object.entries(Template.fromStack(stack).findResources('AWS::IAM::Policy'));
  const statements = policies
    .filter(([id]) => id.startsWith('ExportsStart'))
    .flatMap(([, policy]) => at(policy, 'Properties', 'PolicyDocument', 'Statement') as Record<string, unknown>[]);
  return statements
    .flatMap(({ Action, Resource, Condition }) =>
      [Action].flat().flatMap((action) =>
        [Resource].flat().map((on) => {
          const text = JSON.stringify(on).replace(
            /\{"Fn::Join":\["",\["arn:",\{"Ref":"AWS::Partition"\},"(.*)"\]\]\}/,
            'arn:aws$1',
          );
          return `${String(action)} on ${text.replace(/"/g, '')}${Condition ? ' for AWS' : ''}`;
        }),
      ),
    )
    .filter((line) => line.startsWith('rds:') || line.includes(OWNER))
    .sort();
}
const rds = (resource: string, account = '111122223333') => `arn:aws:rds:eu-central-1:${account}:${resource}`;
const TASKS = 'rds:DescribeExportTasks on *';

test('an instance: its automated snapshots, and those that are taken to load tables anew', () => {
  expect(allowed({ instance: 'shop' })).toEqual([
    `rds:DescribeDBSnapshots on ${rds('db:shop')}`,
    `rds:DescribeDBSnapshots on ${rds('snapshot:*')}`,
    TASKS,
    `rds:StartExportTask on ${rds('snapshot:moraine-dev-reload-*')}`,
    `rds:StartExportTask on ${rds('snapshot:rds:shop-*')}`,
  ]);
});

test('a cluster, with a key of its own: its automated snapshots, and grants on that key', () => {
  expect(allowed({ cluster: 'shop', snapshotKeyArn: KEY })).toEqual([
    `kms:CreateGrant on ${KEY} for AWS`,
    `kms:DescribeKey on ${KEY}`,
    `rds:DescribeDBClusterSnapshots on ${rds('cluster-snapshot:*')}`,
    `rds:DescribeDBClusterSnapshots on ${rds('cluster:shop')}`,
    TASKS,
    `rds:StartExportTask on ${rds('cluster-snapshot:moraine-dev-reload-*')}`,
    `rds:StartExportTask on ${rds('cluster-snapshot:rds:shop-*')}`,
  ]);
});

test('snapshots of any kind have any name', () => {
  expect(allowed({ instance: 'shop' }, 'any')).toContain(`rds:StartExportTask on ${rds('snapshot:*')}`);
});

test('shared snapshots: copies from that account, and nothing but our copies is exported or deleted', () => {
  const copies = rds('snapshot:moraine-dev-db-shop-*');
  expect(allowed({ instance: 'shop', snapshotsFrom: OWNER, snapshotKeyArn: KEY }, 'any')).toEqual([
    `kms:CreateGrant on ${KEY} for AWS`,
    ...['Decrypt', 'DescribeKey', 'Encrypt', 'GenerateDataKey', 'GenerateDataKeyWithoutPlaintext'].map(
      (action) => `kms:${action} on ${KEY}`,
    ),
    ...['ReEncryptFrom', 'ReEncryptTo', 'RetireGrant'].map((action) => `kms:${action} on ${KEY}`),
    `rds:CopyDBSnapshot on ${copies}`,
    `rds:CopyDBSnapshot on ${rds('snapshot:*', OWNER)}`,
    `rds:DeleteDBSnapshot on ${copies}`,
    `rds:DescribeDBSnapshots on ${rds('snapshot:*')}`,
    TASKS,
    `rds:StartExportTask on ${copies}`,
  ]);
});
