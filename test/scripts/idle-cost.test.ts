import { idleTable, idleUnits, prices, type Template } from '../../scripts/idle-cost';

const resource = (Type: string, Properties?: Record<string, unknown>) => ({ Type, Properties });
const template = (...resources: Template['Resources'][string][]): Template => ({
  Resources: Object.fromEntries(resources.map((one, index) => [`Resource${index}`, one])),
});
const units = (...templates: Template[]) =>
  Object.fromEntries(idleUnits(templates).map((count, index) => [prices[index].what, count]));

test('an interface endpoint costs in each zone, a gateway endpoint nothing', () => {
  const one = template(
    resource('AWS::EC2::VPCEndpoint', { VpcEndpointType: 'Interface', SubnetIds: ['a', 'b', 'c'] }),
    resource('AWS::EC2::VPCEndpoint', { VpcEndpointType: 'Gateway', RouteTableIds: ['a'] }),
  );
  expect(units(one)).toMatchObject({ 'interface endpoints': 3, secrets: 0 });
});

test("the warehouse's managed secret counts beside our own, over all stacks", () => {
  const warehouse = template(resource('AWS::RedshiftServerless::Namespace', { ManageAdminPassword: true }));
  expect(units(warehouse, template(resource('AWS::SecretsManager::Secret')))).toMatchObject({ secrets: 2 });
});

test('a replication costs its least capacity, twice with a standby; a stream by itself or by its shards', () => {
  const replication = (MinCapacityUnits: number, MultiAZ: boolean) =>
    resource('AWS::DMS::ReplicationConfig', { ComputeConfig: { MinCapacityUnits, MaxCapacityUnits: 16, MultiAZ } });
  const stream = (StreamMode: string, ShardCount?: number) =>
    resource('AWS::Kinesis::Stream', { StreamModeDetails: { StreamMode }, ShardCount });
  const one = template(replication(1, true), replication(4, false), stream('ON_DEMAND'), stream('PROVISIONED', 3));
  expect(units(one)).toMatchObject({ 'change capture': 6, 'streams on demand': 1, 'shards of streams': 3 });
});

test('the table sums up each environment', () => {
  const waf = template(resource('AWS::WAFv2::WebACL', { Rules: [{}, {}] }), resource('AWS::KMS::Key'));
  const table = idleTable({ dev: [], prod: [waf] });
  expect(table).toMatch(/^\| a month +\| price +\| dev +\| prod +\|$/m);
  expect(table).toMatch(/^\| rules of web ACLs +\| \$1.00 per rule or group +\| 0 +\| 2: \$2.00 +\|$/m);
  expect(table).toMatch(/^\| \*\*all\*\* +\| +\| \*\*\$0.00\*\* +\| \*\*\$8.00\*\* +\|$/m);
});
