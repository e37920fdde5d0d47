/** Below this prefix of the errors bucket lies what was replayed, under the key that it had. */
export const REPLAYED = 'replayed/';

/** Name of the function `lambdas/replay-records` of an environment: `npm run ops` finds it by nothing else. */
export const replayFunctionName = (environment: string): string => `moraine-${environment}-replay-records`;

/** Name of the Glue job `glue-jobs/replay_rows.py` of an environment. */
export const replayJobName = (environment: string): string => jobName(environment, 'replay_rows');

/** Name of the Glue job `glue-jobs/replay_kafka.py` of a Kafka source: `npm run ops` finds it by nothing else. */
export const kafkaReplayJobName = (environment: string, source: string): string =>
  `${jobName(environment, 'replay_kafka')}-${source}`;

/** Name of a Glue job, by its script. */
export const jobName = (environment: string, script: string): string => `moraine-${environment}-${script}`;
