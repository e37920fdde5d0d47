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
  snapshotType: 'any',
  exportPollSeconds: 60,
  spark: { workerType: 'G.1X', workers: 2, concurrentRuns: 4, timeoutMinutes: 60 },
  warehouse: { baseCapacity: 4, maxCapacity: 8, dailyUsageLimit: { rpuHours: 16, action: 'deactivate' } },
  api: { rateLimit: 20, burstLimit: 40 },
  firehose: { bufferSeconds: 60, bufferMiB: 64 },
  logRetentionDays: 30,
  alarmEmails: [],
};
