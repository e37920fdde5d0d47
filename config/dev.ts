/** Where changes are tried: small, cheap, and may be thrown away. */
export const dev = {
  name: 'dev',
  vpcCidr: '10.10.0.0/16',
  removal: 'destroy',
  schedule: 'cron(0 5 * * ? *)',
  databases: { operations: { instance: 'acme-operations-dev' } },
  snapshotType: 'any',
  exportPollSeconds: 60,
  spark: { workerType: 'G.1X', workers: 2, concurrentRuns: 4, timeoutMinutes: 60 },
  warehouse: { baseCapacity: 4, maxCapacity: 8, dailyUsageLimit: 16 },
  api: { rateLimit: 20, burstLimit: 40 },
  firehose: { bufferSeconds: 60, bufferMiB: 64 },
  logRetentionDays: 30,
  alarmEmails: [],
};
