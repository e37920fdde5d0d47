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
  snapshotType: 'automated',
  exportPollSeconds: 60,
  spark: { workerType: 'G.1X', workers: 2, concurrentRuns: 4, timeoutMinutes: 60 },
  warehouse: { baseCapacity: 4, maxCapacity: 8, dailyUsageLimit: { rpuHours: 16, action: 'deactivate' } },
  api: { rateLimit: 20, burstLimit: 40 },
  firehose: { bufferSeconds: 60, bufferMiB: 64 },
  logRetentionDays: 90,
  alarmEmails: [],
};
