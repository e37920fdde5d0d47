/** Production's twin in settings, smaller in size. */
export const staging = {
  name: 'staging',
  accountSettings: false,
  network: { cidr: '10.20.0.0/16' },
  removal: 'retain',
  schedule: 'cron(0 5 * * ? *)',
  timeZone: 'Etc/UTC',
  databases: {
    operations: {
      instance: 'acme-operations-staging',
      capture: { secretArn: 'arn:aws:secretsmanager:eu-central-1:222233334444:secret:operations-capture-AbCdEf' },
    },
  },
  apis: { exchange_rates: { url: 'https://rates-sandbox.example.com/v1' } },
  kafka: {
    // The delivery team's own cluster.
    courier_positions: {
      bootstrapServers: 'b-1.deliverystaging.ab12cd.c2.kafka.eu-central-1.amazonaws.com:9098',
      clusterArn:
        'arn:aws:kafka:eu-central-1:222233334444:cluster/delivery-staging/0a1b2c3d-1111-2222-3333-0123456789ab-2',
      network: {
        subnetId: 'subnet-0bbb1111cccc2222d',
        availabilityZone: 'eu-central-1a',
        securityGroupIds: ['sg-0bbb1111cccc2222d'],
      },
    },
  },
  snapshotType: 'automated',
  exportPollSeconds: 60,
  spark: { workerType: 'G.1X', workers: 2, concurrentRuns: 4, timeoutMinutes: 60 },
  warehouse: { baseCapacity: 4, maxCapacity: 8, dailyUsageLimit: { rpuHours: 16, action: 'deactivate' } },
  api: { rateLimit: 20, burstLimit: 40 },
  firehose: { bufferSeconds: 60, bufferMiB: 64 },
  logRetentionDays: 90,
  alarmEmails: [],
};
