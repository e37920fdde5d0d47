import { Stack } from 'aws-cdk-lib';
import { Alarm, ComparisonOperator, TreatMissingData, type AlarmProps } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
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
  /** The names of all alarms so far, for the dashboard. */
  readonly names: string[] = [];

  constructor(scope: Construct, id: string, props: AlarmTopicProps) {
    super(scope, id, { displayName: 'Moraine alarms', masterKey: props.key, enforceSSL: true });
    // A policy of one's own takes the place of SNS's, which lets the whole account publish.
    this.addToResourcePolicy(
      new PolicyStatement({
        principals: [new ServicePrincipal('cloudwatch.amazonaws.com')],
        actions: ['sns:Publish'],
        resources: [this.topicArn],
        conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
      }),
    );
  }

  /**
   * Creates an alarm within `scope` that notifies this topic; it is named after its stack and its place therein, so that
   * the dashboard can name it too: what one stack tells another by an export, it could not take back.
   * Unless told otherwise it goes off as soon as one period's value is 1 or more; no data is no alarm.
   */
  watch(scope: Construct, id: string, { runbook, ...props }: WatchProps): Alarm {
    const stack = Stack.of(scope);
    const place = scope.node.scopes.slice(stack.node.scopes.length).map(({ node }) => node.id);
    const alarmName = [stack.stackName, ...place, id].join('-');
    const alarm = new Alarm(scope, id, {
      alarmName,
      threshold: 1,
      evaluationPeriods: 1,
      comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      treatMissingData: TreatMissingData.NOT_BREACHING,
      ...props,
      alarmDescription: `${props.alarmDescription} See docs/runbook.md#${runbook}`,
    });
    alarm.addAlarmAction(new SnsAction(this));
    this.names.push(alarmName);
    return alarm;
  }
}
