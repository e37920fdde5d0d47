import { Duration, Stack } from 'aws-cdk-lib';
import { Metric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { Rule, RuleTargetInput } from 'aws-cdk-lib/aws-events';
import { SnsTopic } from 'aws-cdk-lib/aws-events-targets';
import type { Stream } from 'aws-cdk-lib/aws-kinesis';
import { FilterPattern, MetricFilter, type ILogGroup } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import type { AlarmTopic } from './alarms';

const PERIOD = Duration.minutes(5);
const LATE = Duration.minutes(15);

/** A source whose capture is watched. */
export interface WatchedCapture {
  readonly alarms: AlarmTopic;
  readonly source: string;
}

/**
 * Alarms of a replication: how far it is behind its source and its target, and a message whenever it stops or fails.
 * No figures at all are an alarm too: a replication that stands still sends none.
 * @param resourceId the last part of the configuration's ARN
 * @see https://docs.aws.amazon.com/dms/latest/userguide/CHAP_Serverless.Components.html#CHAP_Serverless.monitoring.metrics
 * @see https://docs.aws.amazon.com/eventbridge/latest/ref/events-ref-dms.html
 */
export function watchReplication(
  scope: Construct,
  { alarms, source }: WatchedCapture,
  { configArn, resourceId }: { readonly configArn: string; readonly resourceId: string },
): void {
  for (const [id, metricName, of] of [
    ['SourceLatency', 'CDCLatencySource', 'behind the log of its database'],
    ['TargetLatency', 'CDCLatencyTarget', 'late in writing to its stream'],
  ]) {
    alarms.watch(scope, id, {
      metric: new Metric({
        namespace: 'AWS/DMS',
        metricName,
        dimensionsMap: { ReplicationConfigId: `${Stack.of(scope).account}:${resourceId}` },
        statistic: 'Maximum',
        period: PERIOD,
      }),
      threshold: LATE.toSeconds(),
      evaluationPeriods: 3,
      treatMissingData: TreatMissingData.BREACHING,
      alarmDescription: `The capture of ${source} is more than 15 minutes ${of}, or stands still.`,
      runbook: 'replication-latency',
    });
  }
  const rule = new Rule(scope, 'Stopped', {
    description: `Moraine: the capture of ${source} failed or was stopped`,
    eventPattern: {
      source: ['aws.dms'],
      detailType: ['DMS Replication State Change'],
      resources: [configArn],
      detail: { eventType: ['REPLICATION_FAILED', 'REPLICATION_STOPPED'] },
    },
  });
  rule.addTarget(
    new SnsTopic(alarms, {
      message: RuleTargetInput.fromText(
        `The capture of ${source} failed or was stopped: see docs/runbook.md#replication-stopped; ` +
          'if its log is gone docs/runbook.md#slot-gone, if it has a new epoch docs/runbook.md#epoch-changed',
      ),
    }),
  );
}

/** Alarms of a stream: what waits in it to be read, and what it could not take. */
export function watchStream(scope: Construct, { alarms, source }: WatchedCapture, stream: Stream): void {
  alarms.watch(scope, 'Unread', {
    metric: stream.metricGetRecordsIteratorAgeMilliseconds({ statistic: 'Maximum', period: PERIOD }),
    threshold: Duration.minutes(30).toMilliseconds(),
    evaluationPeriods: 3,
    alarmDescription: `Changes of ${source} have waited in their stream for more than 30 minutes.`,
    runbook: 'capture-unread',
  });
  alarms.watch(scope, 'Throttled', {
    metric: stream.metricWriteProvisionedThroughputExceeded({ statistic: 'Sum', period: PERIOD }),
    evaluationPeriods: 3,
    alarmDescription: `The stream of ${source} has refused changes for 15 minutes; DMS sends them again.`,
    runbook: 'capture-throttled',
  });
}

/** What a transform counts in its log (`lambdas/shared/firehose.ts`), and what that means. */
const COUNTED = [
  ['quarantined', 'broke their contract, and lie in quarantine', 'rows-in-quarantine'],
  ['failed', 'could not be read, and lie below the error prefix of the errors bucket', 'firehose-delivery'],
  ['unknownFields', 'have columns that their contract lacks, which bronze keeps in _rest', 'unknown-columns'],
] as const;

/**
 * Alarms of what a transform could not make rows of, or only in part: none of it is lost, and silver lacks it.
 * @param source of which source the records are, in the metrics' names too
 * @param logGroup where the transform logs its counts, a line for each batch
 * @see https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-logformat.html
 */
export function watchTransform(scope: Construct, { alarms, source }: WatchedCapture, logGroup: ILogGroup): void {
  for (const [count, meaning, runbook] of COUNTED) {
    const id = count.charAt(0).toUpperCase() + count.slice(1);
    const filter = new MetricFilter(scope, `${id}Filter`, {
      logGroup,
      filterPattern: FilterPattern.literal(`{ $.message.${count} > 0 }`),
      metricNamespace: `Moraine/${Stack.of(scope).stackName}`,
      metricName: `${source}-${count}`,
      metricValue: `$.message.${count}`,
    });
    alarms.watch(scope, id, {
      metric: filter.metric({ statistic: 'Sum', period: PERIOD }),
      alarmDescription: `Records of ${source} ${meaning}.`,
      runbook,
    });
  }
}
