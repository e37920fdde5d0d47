/** What the company decides by. */
export const prod = {
  name: 'prod',
  accountSettings: false,
  network: { cidr: '10.30.0.0/16' },
  removal: 'retain',
  schedule: 'cron(0 4 * * ? *)',
  timeZone: 'Etc/UTC',
  databases: {
    operations: {
      instance: 'acme-operations',
      capture: {
        secretArn: 'arn:aws:secretsmanager:eu-central-1:333344445555:secret:operations-capture-AbCdEf',
        maxCapacityUnits: 16,
      },
    },
  },
  apis: { exchange_rates: { url: 'https://rates.example.com/v1' } },
  kafka: {
    // The delivery team's own cluster.
    courier_positions: {
      bootstrapServers: 'b-1.deliveryprod.ab12cd.c2.kafka.eu-central-1.amazonaws.com:9098',
      clusterArn:
        'arn:aws:kafka:eu-central-1:333344445555:cluster/delivery-prod/0a1b2c3d-1111-2222-3333-0123456789ab-2',
      network: {
        subnetId: 'subnet-0ccc1111dddd2222e',
        availabilityZone: 'eu-central-1a',
        securityGroupIds: ['sg-0ccc1111dddd2222e'],
      },
    },
  },
  snapshotType: 'automated',
  exportPollSeconds: 60,
  spark: {
    workerType: 'G.2X',
    workers: 5,
    concurrentRuns: 10,
    timeoutMinutes: 240,
  },
  // The company decides by these numbers: a busy day tells us, and does not stop them.
  warehouse: { baseCapacity: 16, maxCapacity: 64, dailyUsageLimit: { rpuHours: 128, action: 'emit-metric' } },
  api: { rateLimit: 100, burstLimit: 200, requestsPerFiveMinutesPerAddress: 15_000 },
  firehose: { bufferSeconds: 60, bufferMiB: 64 },
  logRetentionDays: 365,
  alarmEmails: [],
};
