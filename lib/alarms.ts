import { Alarm, ComparisonOperator, TreatMissingData, type AlarmProps } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Topic } from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';

export interface AlarmTopicProps {
  /** Encrypts messages. Its policy must let `cloudwatch.amazonaws.com` use it (`EncryptionKey` does). */
  readonly key: IKey;
}

/** An alarm: what is measured, and what it means to the person who gets the mail. */
export interface WatchProps extends Partial<AlarmProps> {
  readonly metric: AlarmProps['metric'];
  /** What went wrong, in a sentence. */
  readonly alarmDescription: string;
  /** Heading of the entry in `docs/runbook.md` that says what to do; the description ends with a link to it. */
  readonly runbook: string;
}

/**
 * The SNS topic that every alarm of the environment notifies; who hears of it is subscribed in `Operations`.
 * @see https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
 */
export class AlarmTopic extends Topic {
  /** Every alarm so far, for the dashboard. */
  readonly all: Alarm[] = [];

  constructor(scope: Construct, id: string, props: AlarmTopicProps) {
    super(scope, id, { displayName: 'Moraine alarms', masterKey: props.key, enforceSSL: true });
  }

  /**
   * Creates an alarm within `scope` that notifies this topic.
   * Unless told otherwise it goes off as soon as one period's value is 1 or more; no data is no alarm.
   */
  watch(scope: Construct, id: string, { runbook, ...props }: WatchProps): Alarm {
    const alarm = new Alarm(scope, id, {
      threshold: 1,
      evaluationPeriods: 1,
      comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      treatMissingData: TreatMissingData.NOT_BREACHING,
      ...props,
      alarmDescription: `${props.alarmDescription} See docs/runbook.md#${runbook}`,
    });
    alarm.addAlarmAction(new SnsAction(this));
    this.all.push(alarm);
    return alarm;
  }
}
