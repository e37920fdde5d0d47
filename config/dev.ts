/** Where changes are tried: small, cheap, and may be thrown away. */
export const dev = {
  name: 'dev',
  accountSettings: true,
  network: { cidr: '10.10.0.0/16' },
  removal: 'destroy',
  schedule: 'cron(0 5 * * ? *)',
  timeZone: 'Etc/UTC',
  databases: {
    operations: {
      instance: 'acme-operations-dev',
      capture: {
        secretArn: 'arn:aws:secretsmanager:eu-central-1:111122223333:secret:operations-capture-AbCdEf',
        multiAz: false,
        maxCapacityUnits: 2,
      },
    },
  },
  apis: { exchange_rates: { url: 'https://rates-sandbox.example.com/v1' } },
  kafka: {
    // The delivery team's own cluster.
    courier_positions: {
      bootstrapServers: 'b-1.deliverydev.ab12cd.c2.kafka.eu-central-1.amazonaws.com:9098',
      clusterArn: 'arn:aws:kafka:eu-central-1:111122223333:cluster/delivery-dev/0a1b2c3d-1111-2222-3333-0123456789ab-2',
      network: {
        subnetId: 'subnet-0aaa1111bbbb2222c',
        availabilityZone: 'eu-central-1a',
        securityGroupIds: ['sg-0aaa1111bbbb2222c'],
      },
    },
  },
  snapshotType: 'any',
  exportPollSeconds: 60,
  spark: { workerType: 'G.1X', workers: 2, concurrentRuns: 4, timeoutMinutes: 60 },
  warehouse: { baseCapacity: 4, maxCapacity: 8, dailyUsageLimit: { rpuHours: 16, action: 'deactivate' } },
  api: { rateLimit: 20, burstLimit: 40 },
  firehose: { bufferSeconds: 60, bufferMiB: 64 },
  logRetentionDays: 30,
  alarmEmails: [],
};
