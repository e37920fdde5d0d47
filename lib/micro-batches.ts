import { Duration } from 'aws-cdk-lib';
import { Rule, RuleTargetInput } from 'aws-cdk-lib/aws-events';
import { SnsTopic } from 'aws-cdk-lib/aws-events-targets';
import type { PySparkStreamingJob } from 'aws-cdk-lib/aws-glue';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Schedule, ScheduleExpression, ScheduleTargetInput } from 'aws-cdk-lib/aws-scheduler';
import { Universal } from 'aws-cdk-lib/aws-scheduler-targets';
import { Construct } from 'constructs';
import type { Basis } from './basis';

export interface MicroBatchesProps extends Basis {
  readonly job: PySparkStreamingJob;
}

/**
 * Keeps the resident merge running, and tells when it fails: it is started every minute, which Glue refuses while it runs, for it may run once at
 * a time. So a run that ended, or broke, is followed by the next within a minute. With `schedule: 'none'` nothing starts
 * it.
 * @see https://docs.aws.amazon.com/glue/latest/webapi/API_StartJobRun.html (ConcurrentRunsExceededException)
 * @see https://docs.aws.amazon.com/glue/latest/dg/automating-awsglue-with-cloudwatch-events.html
 * @see https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-universal.html
 */
export class MicroBatches extends Construct {
  constructor(scope: Construct, id: string, { environment, key, alarms, job }: MicroBatchesProps) {
    super(scope, id);
    const rule = new Rule(this, 'Failed', {
      description: `Moraine ${environment.name}: the resident merge failed`,
      eventPattern: {
        source: ['aws.glue'],
        detailType: ['Glue Job State Change'],
        detail: { jobName: [job.jobName], state: ['FAILED', 'TIMEOUT'] },
      },
    });
    const message = 'The resident merge failed, and is started again: see docs/runbook.md#resident-merge';
    rule.addTarget(new SnsTopic(alarms, { message: RuleTargetInput.fromText(message) }));
    if (environment.schedule === 'none') return;
    new Schedule(this, 'Schedule', {
      description: `Moraine ${environment.name}: resident merge`,
      schedule: ScheduleExpression.rate(Duration.minutes(1)),
      target: new Universal({
        service: 'glue',
        action: 'startJobRun',
        input: ScheduleTargetInput.fromObject({ JobName: job.jobName }),
        retryAttempts: 0,
        policyStatements: [new PolicyStatement({ actions: ['glue:StartJobRun'], resources: [job.jobArn] })],
      }),
      key,
    });
  }
}
