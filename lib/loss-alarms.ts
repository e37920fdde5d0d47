import { Duration, Stack } from 'aws-cdk-lib';
import type { IMetric } from 'aws-cdk-lib/aws-cloudwatch';
import { FilterPattern, MetricFilter, type ILogGroup } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import type { CapturedSource } from '../lambdas/shared/source';
import type { AlarmTopic } from './alarms';

/** A captured source, and where jobs print a JSON line for each load and each merge of its datasets. */
export interface WatchedSource {
  readonly alarms: AlarmTopic;
  readonly source: CapturedSource;
  readonly logGroup: ILogGroup;
}

/** So many datasets have room in one filter pattern of 1,024 characters; the filters of a source add to one metric. */
const DATASETS = 10;

/** An alarm on rows that a source's stream had lost when a snapshot was compared with silver (`glue-jobs/load_snapshot.py`). */
export function watchLosses(scope: Construct, watched: WatchedSource): void {
  const { name } = watched.source;
  // A load that is repeated prints what it did the first time.
  const found = '$.job = "load_snapshot" && $.skipped IS FALSE && $.lost > 0';
  watched.alarms.watch(scope, `${name}-lost`, {
    metric: metric(scope, watched, 'lost', found, '$.lost'),
    alarmDescription: `The stream of ${name} had lost rows, which the snapshot mended.`,
    runbook: 'rows-differ',
  });
}

/** An alarm on a source's log that went back without a new epoch (`glue-jobs/common/log_order.py`). */
export function watchLogOrder(scope: Construct, watched: WatchedSource): void {
  const { name } = watched.source;
  watched.alarms.watch(scope, `${name}-log-went-back`, {
    metric: metric(scope, watched, 'log-went-back', '$.log_went_back IS TRUE', '1'),
    alarmDescription: `The log of ${name} went back: silver takes its newest changes for old ones.`,
    runbook: 'source-restored',
  });
}

/** @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html */
function metric(
  scope: Construct,
  { source, logGroup }: WatchedSource,
  what: string,
  found: string,
  value: string,
): IMetric {
  const metricName = `${source.name}-${what}`;
  const filters = chunks(source.datasets).map((datasets, i) => {
    const ofSource = datasets.map((dataset) => `$.dataset = "${dataset}"`).join(' || ');
    return new MetricFilter(scope, `${metricName}-filter${i || ''}`, {
      logGroup,
      filterPattern: FilterPattern.literal(`{ ${found} && (${ofSource}) }`),
      metricNamespace: `Moraine/${Stack.of(scope).stackName}`,
      metricName,
      metricValue: value,
    });
  });
  return filters[0].metric({ statistic: 'Sum', period: Duration.minutes(5) });
}

const chunks = (names: readonly string[]): string[][] =>
  Array.from({ length: Math.ceil(names.length / DATASETS) }, (_, i) => names.slice(i * DATASETS, (i + 1) * DATASETS));
