import { Duration } from 'aws-cdk-lib';
import { Rule, RuleTargetInput } from 'aws-cdk-lib/aws-events';
import { SnsTopic } from 'aws-cdk-lib/aws-events-targets';
import type { Job } from 'aws-cdk-lib/aws-glue';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Schedule, ScheduleExpression, ScheduleTargetInput } from 'aws-cdk-lib/aws-scheduler';
import { Universal } from 'aws-cdk-lib/aws-scheduler-targets';
import { Construct } from 'constructs';
import type { Basis } from './basis';

export interface RepeatedJobProps extends Basis {
  /** May run once at a time. */
  readonly job: Job;
  /** What the job is, for people: `resident merge`. */
  readonly what: string;
  /** Heading of the entry in `docs/runbook.md` for its failures. */
  readonly runbook: string;
  /** From one start to the next. @default - a minute, which keeps a job that never ends running */
  readonly every?: Duration;
}

/**
 * Starts a job again and again, which Glue refuses while it runs, for it may run once at a time; and tells when it fails.
 * Started every minute, a job that never ends is running always: when a run has ended, or broken, the next begins within
 * a minute. With `schedule: 'none'` nothing starts it.
 * @see https://docs.aws.amazon.com/glue/latest/webapi/API_StartJobRun.html (ConcurrentRunsExceededException)
 * @see https://docs.aws.amazon.com/glue/latest/dg/automating-awsglue-with-cloudwatch-events.html
 * @see https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-universal.html
 */
export class RepeatedJob extends Construct {
  constructor(scope: Construct, id: string, props: RepeatedJobProps) {
    super(scope, id);
    const { environment, key, alarms, job, what, runbook, every = Duration.minutes(1) } = props;
    const rule = new Rule(this, 'Failed', {
      description: `Moraine ${environment.name}: the ${what} failed`,
      eventPattern: {
        source: ['aws.glue'],
        detailType: ['Glue Job State Change'],
        detail: { jobName: [job.jobName], state: ['FAILED', 'TIMEOUT'] },
      },
    });
    const message = `The ${what} failed, and is started again: see docs/runbook.md#${runbook}`;
    rule.addTarget(new SnsTopic(alarms, { message: RuleTargetInput.fromText(message) }));
    if (environment.schedule === 'none') return;
    new Schedule(this, 'Schedule', {
      description: `Moraine ${environment.name}: ${what}`,
      schedule: ScheduleExpression.rate(every),
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
