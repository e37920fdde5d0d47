import { Duration, Stack } from 'aws-cdk-lib';
import { TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { FilterPattern, MetricFilter, type ILogGroup } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import type { AlarmTopic } from './alarms';

const PERIOD = Duration.minutes(5);

/** A Kafka source whose job is watched. */
export interface WatchedKafka {
  readonly alarms: AlarmTopic;
  readonly source: string;
  /** What the job calls its runs. */
  readonly runId: string;
  /** Where the job prints a line for each batch, and one a minute that says how far it is behind. */
  readonly logGroup: ILogGroup;
  /** Messages that bronze may lack. */
  readonly maxBehind: number;
  /** Whether something keeps the job running: then a job that says nothing is an alarm too. */
  readonly isKept: boolean;
}

/** What the job counts of each batch (`glue-jobs/common/kafka_stream.py`), and what that means. */
const COUNTED = [
  [
    'quarantined',
    'Messages of %s could not be read or broke their contract, and lie in quarantine.',
    'rows-in-quarantine',
  ],
  [
    'unknown_columns',
    'Messages of %s have columns that their contract lacks, which bronze keeps in _rest.',
    'unknown-columns',
  ],
] as const;

/**
 * Alarms of a Kafka source: dead letters, columns that the contract lacks, and messages that bronze lacks for long.
 * @see https://docs.aws.amazon.com/glue/latest/dg/monitor-continuous-logging.html
 */
export function watchKafka(scope: Construct, watched: WatchedKafka): void {
  const { alarms, source, runId, logGroup } = watched;
  const metric = (job: string, name: string) =>
    new MetricFilter(scope, `${name}-filter`, {
      logGroup,
      filterPattern: FilterPattern.literal(`{ $.job = "${job}" && $.run_id = "${runId}" && $.${name} >= 0 }`),
      metricNamespace: `Moraine/${Stack.of(scope).stackName}`,
      metricName: `${source}-${name}`,
      metricValue: `$.${name}`,
    });
  for (const [name, meaning, runbook] of COUNTED) {
    alarms.watch(scope, name, {
      metric: metric('stream_kafka', name).metric({ statistic: 'Sum', period: PERIOD }),
      alarmDescription: meaning.replace('%s', source),
      runbook,
    });
  }
  alarms.watch(scope, 'Behind', {
    metric: metric('kafka_lag', 'behind').metric({ statistic: 'Maximum', period: PERIOD }),
    threshold: watched.maxBehind,
    evaluationPeriods: 3,
    treatMissingData: watched.isKept ? TreatMissingData.BREACHING : TreatMissingData.NOT_BREACHING,
    alarmDescription: `Bronze has lacked ${watched.maxBehind} messages of ${source} or more for 15 minutes, or its job says nothing.`,
    runbook: 'kafka-behind',
  });
}
