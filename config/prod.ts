/** What the company decides by. */
export const prod = {
  name: 'prod',
  vpcCidr: '10.30.0.0/16',
  removal: 'retain',
  schedule: 'cron(0 4 * * ? *)',
  databases: { operations: { instance: 'acme-operations' } },
  snapshotType: 'automated',
  exportPollSeconds: 60,
  spark: { workerType: 'G.2X', workers: 5, concurrentRuns: 10, timeoutMinutes: 240 },
  warehouse: { baseCapacity: 16, maxCapacity: 64, dailyUsageLimit: 128 },
  api: { rateLimit: 100, burstLimit: 200 },
  firehose: { bufferSeconds: 60, bufferMiB: 64 },
  logRetentionDays: 365,
  alarmEmails: [],
};
