/** Where the local run plays an API: the port after those of the parts (`npm run local -- --port N`). */
export const playedApi = (source: string): string =>
  `http://127.0.0.1:${Number(process.env.MORAINE_PORT ?? 4500) + 4}/${source}`;

/** Where the local run plays Kafka; the port after it is the controller's. */
export const playedKafka = (): string => `127.0.0.1:${Number(process.env.MORAINE_PORT ?? 4500) + 6}`;

/** The secret by which the local DMS finds the database of a source. */
export const captureSecret = (source: string): string =>
  `arn:aws:secretsmanager:us-east-1:000000000000:secret:${source}`;

/** The laptop: the same platform on the local emulator, `npm run local`. */
export const local = {
  name: 'local',
  accountSettings: true,
  network: { cidr: '10.0.0.0/16' },
  removal: 'destroy',
  schedule: 'none',
  databases: {
    operations: {
      instance: 'acme-operations',
      // The local run knows the database by this secret; nothing is stored in it.
      capture: { secretArn: captureSecret('operations'), multiAz: false, streamRetentionHours: 24 },
    },
  },
  // `npm run local -- --no-stream`, and databases of the user's, in which nothing is changed.
  withoutCapture: (process.env.MORAINE_WITHOUT_CAPTURE ?? '').split(',').filter((name) => name !== ''),
  // Played by sample/, or by a server of your own.
  apis: { exchange_rates: { url: playedApi('exchange_rates') } },
  kafka: { courier_positions: { bootstrapServers: playedKafka(), authentication: 'none' } },
  snapshotType: 'automated',
  exportPollSeconds: 1,
  spark: {
    workerType: 'G.1X',
    workers: 2,
    concurrentRuns: 4,
    timeoutMinutes: 60,
    microBatches: { everySeconds: 1, parallel: 2, workers: 2 },
  },
  live: {},
  warehouse: { baseCapacity: 4, maxCapacity: 8, dailyUsageLimit: { rpuHours: 8, action: 'deactivate' } },
  api: { rateLimit: 50, burstLimit: 100 },
  firehose: { bufferSeconds: 2, bufferMiB: 8 },
  logRetentionDays: 1,
  alarmEmails: [],
};
