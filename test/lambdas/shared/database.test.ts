import { parseEnvironment } from '../../../config/environment';
import { dev } from '../../../config/dev';
import { copyPrefix, databaseIdentifier } from '../../../lambdas/shared/database';

const KEY = 'arn:aws:kms:eu-central-1:444455556666:key/1234abcd-12ab-34cd-56ef-1234567890ab';
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
  ['no account', { instance: 'a', snapshotsFrom: 'them' }, 'databases.shop.snapshotsFrom is "them": twelve digits'],
])('%s is none', (_, declared, message) => {
  expect(() => parse(declared)).toThrow(`config/dev.ts: ${message}`);
});
