import { Duration, Stack } from 'aws-cdk-lib';
import { FilterPattern, MetricFilter, type ILogGroup } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import type { AlarmTopic } from './alarms';

/**
 * An alarm on events of web analytics tools' exports that are in quarantine: `logGroup` is where
 * `glue-jobs/load_event_export.py` prints a line for each delivery.
 */
export function watchEventExports(
  scope: Construct,
  { alarms, logGroup }: { readonly alarms: AlarmTopic; readonly logGroup: ILogGroup },
): void {
  const filter = new MetricFilter(scope, 'exports-quarantined-filter', {
    logGroup,
    filterPattern: FilterPattern.literal('{ $.job = "load_delivery" && $.quarantined >= 0 }'),
    metricNamespace: `Moraine/${Stack.of(scope).stackName}`,
    metricName: 'event-exports-quarantined',
    metricValue: '$.quarantined',
  });
  alarms.watch(scope, 'exports-quarantined', {
    metric: filter.metric({ statistic: 'Sum', period: Duration.minutes(5) }),
    alarmDescription:
      'Events of web analytics exports broke their contract or could not be read, and lie in quarantine.',
    runbook: 'rows-in-quarantine',
  });
}
