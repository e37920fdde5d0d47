/** The laptop: the same platform on the local emulator, `npm run local`. */
export const local = {
  name: 'local',
  vpcCidr: '10.0.0.0/16',
  removal: 'destroy',
  schedule: 'none',
  databases: { operations: { instance: 'acme-operations' } },
  snapshotType: 'automated',
  exportPollSeconds: 1,
  spark: { workerType: 'G.1X', workers: 2, concurrentRuns: 4, timeoutMinutes: 60 },
  warehouse: { baseCapacity: 4, maxCapacity: 8, dailyUsageLimit: 8 },
  api: { rateLimit: 50, burstLimit: 100 },
  firehose: { bufferSeconds: 1, bufferMiB: 1 },
  logRetentionDays: 1,
  alarmEmails: [],
};
