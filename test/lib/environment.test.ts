import { environment as environmentOf, environmentNames, warnings } from '../../config';
import { parseEnvironment, type Environment } from '../../config/environment';

/** The least that an environment says. */
const least = {
  name: 'trial',
  network: { cidr: '10.40.0.0/16' },
  databases: {},
  snapshotType: 'automated',
  api: environmentOf('dev').api,
};
const parse = (change: object) => parseEnvironment('config/trial.ts', { ...least, ...change });

const existing = {
  vpcId: 'vpc-0123456789abcdef0',
  availabilityZones: ['eu-central-1a', 'eu-central-1b', 'eu-central-1c'],
  subnetIds: ['subnet-0000000a', 'subnet-0000000b', 'subnet-0000000c'],
};
const within = (change: object) => ({ network: { cidr: '10.40.0.0/16', existing: { ...existing, ...change } } });
const usage = (dailyUsageLimit: unknown) => ({ warehouse: { dailyUsageLimit } });

describe('a wrong value names the file, the field, the value got and the values allowed', () => {
  test.each<[string, object, string]>([
    ['a name', { name: 'Prod' }, 'name is "Prod": lower-case letters and digits, 2 to 20, a letter first'],
    ['an account', { account: '123' }, 'account is "123": twelve digits'],
    ['a region', { region: 'Frankfurt' }, 'region is "Frankfurt": a region such as eu-central-1'],
    ['no block', { network: {} }, 'network.cidr is undefined: Invalid input: expected string'],
    ['a large block', { network: { cidr: '10.0.0.0/8' } }, '"10.0.0.0/8": allowed are blocks from /16 to /24'],
    ['no such address', { network: { cidr: '10.0.300.0/16' } }, '"10.0.300.0/16": allowed are blocks from /16'],
    ['bits beyond the block', { network: { cidr: '10.0.1.0/16' } }, 'not the first address of a /16: 10.0.0.0/16 is'],
    ['public addresses', { network: { cidr: '52.0.0.0/16' } }, 'allowed are private ranges: 10.0.0.0/8, 172.16'],
    ['a private range, overrun', { network: { cidr: '172.32.0.0/16' } }, 'allowed are private ranges'],
    [
      'a block too small for the warehouse',
      { network: { cidr: '10.0.0.0/24' }, warehouse: { maxCapacity: 512 } },
      'its three subnets have 64 addresses each, and a warehouse of up to 512 RPUs takes 145: give it a /22, or lower warehouse.maxCapacity',
    ],
    ['a VPC', within({ vpcId: 'main' }), 'network.existing.vpcId is "main": an ID such as vpc-0123456789abcdef0'],
    ['two zones', within({ availabilityZones: ['eu-central-1a', 'eu-central-1b'] }), '3 different zones or more'],
    [
      'the same zone twice',
      within({ availabilityZones: ['eu-central-1a', 'eu-central-1a', 'eu-central-1b'] }),
      '3 different zones or more',
    ],
    ['a subnet missing', within({ subnetIds: existing.subnetIds.slice(1) }), 'one subnet for each of the 3 zones'],
    [
      'an endpoint nobody calls',
      within({ createEndpoints: ['sqs'] }),
      'createEndpoints.0 is "sqs": Invalid option: expected one of "s3"|"dynamodb"|"logs"|"glue"|"redshift-serverless"',
    ],
    [
      'a gateway endpoint without route tables',
      within({ createEndpoints: ['s3'] }),
      'routeTableIds is undefined: one route table for each of the 3 subnets',
    ],
    ['a removal policy', { removal: 'delete' }, 'removal is "delete": Invalid option: expected one of "retain"|"des'],
    ['a schedule', { schedule: 'daily' }, 'schedule is "daily": allowed are cron(…), rate(…) and none'],
    ['five fields', { schedule: 'cron(0 5 * * *)' }, 'cron takes six fields (minutes, hours, day of month,'],
    ['both days', { schedule: 'cron(0 5 * * * *)' }, 'of day of month and day of week exactly one is ?'],
    ['no day', { schedule: 'cron(0 5 ? * ? *)' }, 'of day of month and day of week exactly one is ?'],
    ['an hour', { schedule: 'cron(0 24 * * ? *)' }, '24 is no hours: allowed are 0 to 23,'],
    ['Sunday as 0', { schedule: 'cron(0 5 ? * 0 *)' }, '0 is no day of week: allowed are 1 to 7 or SUN to SAT,'],
    ['a month', { schedule: 'cron(0 5 1 FOO ? *)' }, 'FOO is no month: allowed are 1 to 12 or JAN to DEC,'],
    ['a range turned round', { schedule: 'cron(30-10 5 * * ? *)' }, '30-10 is no minutes'],
    ['a step of nothing', { schedule: 'cron(*/0 5 * * ? *)' }, '*/0 is no minutes'],
    ['a rate', { schedule: 'rate(0 hours)' }, 'rate takes a whole number from 1 and minutes, hours or days'],
    ['a unit', { schedule: 'rate(1 week)' }, 'rate takes a whole number from 1 and minutes, hours or days'],
    ['a time zone', { timeZone: 'Berlin' }, 'timeZone is "Berlin": an IANA time zone such as Europe/Berlin'],
    ['an offset', { timeZone: '+02:00' }, 'timeZone is "+02:00": an IANA time zone'],
    ['a worker', { spark: { workerType: 'G.9X' } }, 'spark.workerType is "G.9X": Invalid option'],
    ['one worker', { spark: { workers: 1 } }, 'spark.workers is 1: Too small: expected number to be >=2'],
    ['no time', { spark: { timeoutMinutes: 0 } }, 'spark.timeoutMinutes is 0: Too small'],
    [
      'a capacity',
      { warehouse: { baseCapacity: 12, maxCapacity: 64 } },
      'warehouse.baseCapacity is 12: allowed are 4, and 8 to 1024 in steps of 8',
    ],
    ['too much of it', { warehouse: { maxCapacity: 6000 } }, '6000: allowed are 4, and 8 to 5632 in steps of 8'],
    [
      'a maximum below the base',
      { warehouse: { baseCapacity: 16, maxCapacity: 8 } },
      'warehouse.maxCapacity is 8: baseCapacity (16) or more',
    ],
    ['a limit as a number', usage(16), 'warehouse.dailyUsageLimit is 16: Invalid input: expected object'],
    ['no hours', usage({ rpuHours: 0 }), 'warehouse.dailyUsageLimit.rpuHours is 0: Too small'],
    [
      'an action',
      usage({ action: 'stop' }),
      'dailyUsageLimit.action is "stop": Invalid option: expected one of "log"|"emit-metric"|"deactivate"',
    ],
    ['a scan of nothing', { lakeQueries: { scanLimitGiB: 0 } }, 'lakeQueries.scanLimitGiB is 0: Too small'],
    [
      'half a GiB',
      { lakeQueries: { scanLimitGiB: 0.5 } },
      'lakeQueries.scanLimitGiB is 0.5: Invalid input: expected int',
    ],
    [
      'results for ever',
      { lakeQueries: { resultDays: 9999 } },
      'resultDays is 9999: Too big: expected number to be <=365',
    ],
    ['a day of nothing', { lakeQueries: { dailyScanGiB: 0 } }, 'lakeQueries.dailyScanGiB is 0: Too small'],
    ['a buffer', { firehose: { bufferMiB: 500 } }, 'firehose.bufferMiB is 500: Too big: expected number to be <=128'],
    ['a retention', { logRetentionDays: 14 }, 'logRetentionDays is 14: Invalid option: expected one of 1|7|30|90|365'],
    [
      'an API without TLS',
      { apis: { rates: { url: 'http://api.example.com/v1' } } },
      'apis.rates.url is "http://api.example.com/v1": https:// (http only to 127.0.0.1)',
    ],
    [
      'an API that is no URL',
      { apis: { rates: { url: 'rates' } } },
      '"rates": a URL such as https://api.example.com/v1',
    ],
    [
      'a key in the URL of an API',
      { apis: { rates: { url: 'https://api.example.com?key=x' } } },
      'a URL without query, fragment and credentials; those stand in the source and its secret',
    ],
    ['an address', { alarmEmails: ['data-team'] }, 'alarmEmails.0 is "data-team": an e-mail address'],
    [
      'an address twice',
      { alarmEmails: ['data@acme.example', 'Data@acme.example'] },
      'alarmEmails is ["data@acme.example","Data@acme.example"]: each address once',
    ],
    ['a field that is none', { vpcCidr: '10.0.0.0/16' }, 'vpcCidr is "10.0.0.0/16": Unrecognized key: "vpcCidr"'],
    ['one deeper down', { spark: { worker: 2 } }, 'spark.worker is 2: Unrecognized key: "worker"'],
  ])('%s', (_, change, message) => {
    expect(() => parse(change)).toThrow(message);
    expect(() => parse(change)).toThrow(/^config\/trial\.ts: [^\n]* Change it in config\/trial\.ts\.$/);
  });
});

test.each([
  'none',
  'rate(6 hours)',
  'rate(1 day)',
  'cron(0 5 * * ? *)',
  'cron(0/15 * ? * MON-FRI *)',
  'cron(0 18 ? * 2,4,6 2026-2030)',
  'cron(30 1 L * ? *)',
  'cron(0 9 ? JAN,jul 2#1 *)',
  'cron(0 9 15W */2 ? *)',
])('EventBridge Scheduler takes %s', (schedule) => {
  expect(parse({ schedule }).schedule).toBe(schedule);
});

test('what is left out is safe: data stay, nothing runs by itself, the warehouse is small and limited', () => {
  expect(parse({})).toMatchObject<Partial<Environment>>({
    removal: 'retain',
    schedule: 'none',
    timeZone: 'Etc/UTC',
    spark: { workerType: 'G.1X', workers: 2, concurrentRuns: 4, timeoutMinutes: 60 },
    warehouse: { baseCapacity: 4, maxCapacity: 8, dailyUsageLimit: { rpuHours: 16, action: 'deactivate' } },
    lakeQueries: { scanLimitGiB: 100, dailyScanGiB: 1000, resultDays: 7 },
    logRetentionDays: 365,
    alarmEmails: [],
  });
});

test('what is said wins over what is left out', () => {
  const change = { removal: 'destroy', spark: { workers: 3 }, warehouse: { dailyUsageLimit: { action: 'log' } } };
  expect(parse(change)).toMatchObject({
    removal: 'destroy',
    spark: { workers: 3, timeoutMinutes: 60 },
    warehouse: { baseCapacity: 4, dailyUsageLimit: { rpuHours: 16, action: 'log' } },
  });
});

describe('warnings', () => {
  const heard = (name: string) => ({ ...environmentOf(name), alarmEmails: ['data@acme.example'] });

  test.each(environmentNames)('%s shares no addresses with another environment', (name) => {
    expect(warnings(heard(name))).toEqual([]);
  });

  test('two environments share addresses', () => {
    const inside = environmentOf('prod').network.cidr.replace('/16', '/20');
    expect(warnings({ ...heard('dev'), network: { cidr: inside } })).toEqual([
      `config/dev.ts: network.cidr ${inside} overlaps 10.30.0.0/16 of config/prod.ts: the two could never be connected.`,
    ]);
  });

  test('nobody hears of alarms', () => {
    expect(warnings({ ...environmentOf('prod'), alarmEmails: [] })).toEqual([
      'config/prod.ts: alarmEmails is empty: nobody hears of alarms. Name at least one address.',
    ]);
    expect(warnings(environmentOf('local'))).toEqual([]);
  });
});

test('a file that names another environment would deploy over it, and is refused', () => {
  jest.isolateModules(() => {
    jest.doMock('../../config/dev', () => ({ dev: { ...environmentOf('dev'), name: 'prod' } }));
    const { environment } = jest.requireActual<typeof import('../../config')>('../../config');
    expect(() => environment('dev')).toThrow('config/dev.ts: name is "prod": allowed is "dev"');
  });
  jest.dontMock('../../config/dev');
});
