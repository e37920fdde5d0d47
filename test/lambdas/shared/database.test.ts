import { parseEnvironment } from '../../../config/environment';
import { dev } from '../../../config/dev';
import { copyPrefix, databaseIdentifier } from '../../../lambdas/shared/database';

const KEY = 'arn:aws:kms:eu-central-1:444455556666:key/1234abcd-12ab-34cd-56ef-1234567890ab';
const SECRET = 'arn:aws:secretsmanager:eu-central-1:444455556666:secret:shop-AbCdEf';

/** Cases of `capture`, whose other values are right. */
function captures(cases: [string, object, string][]): [string, object, string][] {
  return cases.map(([name, capture, message]) => [
    name,
    { instance: 'a', capture: Object.keys(capture).length > 0 ? { secretArn: SECRET, ...capture } : capture },
    `databases.shop.capture.${message}`,
  ]);
}
const parse = (shop: object) => parseEnvironment('config/dev.ts', { ...dev, databases: { shop } }).databases.shop;

test.each([
  [{ instance: 'shop-1' }, 'db:shop-1', 'moraine-dev-db-shop-1-'],
  [{ cluster: 'shop' }, 'cluster:shop', 'moraine-dev-cluster-shop-'],
  [
    { cluster: 'shop', snapshotsFrom: '444455556666', snapshotKeyArn: KEY },
    'cluster:shop',
    'moraine-dev-cluster-shop-',
  ],
])('%j is a database', (declared, identifier, prefix) => {
  const database = parse(declared);
  expect(database).toEqual(declared);
  expect(databaseIdentifier(database)).toBe(identifier);
  expect(copyPrefix('dev', database)).toBe(prefix);
});

test.each<[string, object, string]>([
  ['neither', {}, 'databases.shop is {}: name either its instance (RDS) or its cluster (Aurora, Multi-AZ), not both'],
  ['both', { instance: 'a', cluster: 'b' }, 'databases.shop is {"instance":"a","cluster":"b"}: name either'],
  [
    'an ARN',
    { instance: 'arn:aws:rds:x' },
    'databases.shop.instance is "arn:aws:rds:x": RDS\'s identifier in lower case',
  ],
  ['a pattern', { cluster: 'shop*' }, 'databases.shop.cluster is "shop*": RDS\'s identifier'],
  [
    'an alias',
    { instance: 'a', snapshotKeyArn: 'alias/k' },
    'databases.shop.snapshotKeyArn is "alias/k": the ARN of a KMS',
  ],
  ...captures([
    ['a capture without a secret', {}, 'secretArn is undefined'],
    ['a secret by its name', { secretArn: 'shop' }, 'secretArn is "shop": the ARN of a secret in Secrets Manager'],
    ['a capacity', { maxCapacityUnits: 3 }, 'maxCapacityUnits is 3: allowed are 1, 2, 4, 8, 16, 32, 64, 128, 192, 256'],
    ['too much of it', { minCapacityUnits: 512 }, 'minCapacityUnits is 512: allowed are 1, 2, 4'],
    [
      'a maximum below the minimum',
      { minCapacityUnits: 8, maxCapacityUnits: 4 },
      'maxCapacityUnits is 4: minCapacityUnits or more',
    ],
    [
      'a stream of an hour',
      { streamRetentionHours: 1 },
      'streamRetentionHours is 1: Too small: expected number to be >=24',
    ],
    ['a stream for ever', { streamRetentionHours: 8760 }, 'streamRetentionHours is 8760: Too big'],
    ['no shards', { streamShards: 0 }, 'streamShards is 0: Too small'],
    [
      'a certificate of ACM',
      { certificateArn: 'arn:aws:acm:x' },
      'certificateArn is "arn:aws:acm:x": the ARN of a certificate',
    ],
    [
      'an alias of a key',
      { secretKeyArn: 'alias/k' },
      'secretKeyArn is "alias/k": the ARN of a KMS key, not of an alias',
    ],
    ['a field that is none', { slot: 'x' }, 'slot is "x": Unrecognized key'],
  ]),
  ['no account', { instance: 'a', snapshotsFrom: 'them' }, 'databases.shop.snapshotsFrom is "them": twelve digits'],
])('%s is none', (_, declared, message) => {
  expect(() => parse(declared)).toThrow(`config/dev.ts: ${message}`);
});

test('what a capture leaves out is safe: it stays small, survives a zone, and keeps what nobody has read for a week', () => {
  expect(parse({ instance: 'a', capture: { secretArn: SECRET } }).capture).toEqual({
    secretArn: SECRET,
    minCapacityUnits: 1,
    maxCapacityUnits: 4,
    multiAz: true,
    readReplica: false,
    captureDdls: true,
    streamRetentionHours: 168,
  });
});
