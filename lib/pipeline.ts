import { Duration, TimeZone } from 'aws-cdk-lib';
import type { Project } from 'aws-cdk-lib/aws-codebuild';
import { Schedule, ScheduleExpression, ScheduleTargetInput } from 'aws-cdk-lib/aws-scheduler';
import { StepFunctionsStartExecution } from 'aws-cdk-lib/aws-scheduler-targets';
import {
  CustomerManagedEncryptionConfiguration,
  DefinitionBody,
  LogLevel,
  QueryLanguage,
  StateMachine,
} from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { acknowledge, acknowledgeResource } from './acknowledge';
import type { Basis } from './basis';
import type { Handler } from './handler';
import { Logs } from './logs';
import { pipelineDefinition } from './pipeline-definition';
import { compileGraph } from './pipeline-graph';
import type { RestExtract } from './rest-extract';
import type { SnapshotExport } from './snapshot-export';
import type { SparkJobs } from './spark-jobs';

export interface PipelineProps extends Basis {
  readonly exports: SnapshotExport;
  readonly extract: RestExtract;
  readonly jobs: SparkJobs;
  /** Builds gold out of silver. */
  readonly build: Project;
  /** Publishes gold to the API. */
  readonly publish: Handler;
}

/**
 * The state machine that takes every source to gold and to the API (`pipelineDefinition`), encrypted, logged and traced;
 * the schedule that starts it, unless `schedule` is `none`; alarms when a run fails or takes longer than a day.
 * A run's name is its run ID everywhere.
 * @see https://docs.aws.amazon.com/step-functions/latest/dg/encryption-at-rest.html
 */
export class Pipeline extends Construct {
  readonly stateMachine: StateMachine;

  constructor(scope: Construct, id: string, props: PipelineProps) {
    super(scope, id);
    const { environment, key } = props;
    this.stateMachine = new StateMachine(this, 'StateMachine', {
      comment: 'Every source to silver, then gold, then the API',
      definitionBody: DefinitionBody.fromChainable(
        pipelineDefinition(this, {
          ...props,
          branches: compileGraph(props.platform.sources, props.platform.contracts),
        }),
      ),
      queryLanguage: QueryLanguage.JSONATA,
      timeout: Duration.days(1),
      tracingEnabled: true,
      encryptionConfiguration: new CustomerManagedEncryptionConfiguration(key),
      logs: { destination: new Logs(this, 'Logs', props), level: LogLevel.ALL, includeExecutionData: true },
    });
    if (environment.schedule !== 'none') {
      new Schedule(this, 'Schedule', {
        description: `Moraine ${environment.name}: pipeline`,
        schedule: ScheduleExpression.expression(environment.schedule, TimeZone.of(environment.timeZone)),
        target: new StepFunctionsStartExecution(this.stateMachine, { input: ScheduleTargetInput.fromObject({}) }),
        key,
      });
    }
    for (const handler of [props.exports.start, props.exports.check, props.extract.handler, props.publish]) {
      acknowledgeResource(this.stateMachine, `${handler.functionArn}:*`, 'Any version of one function.');
    }
    acknowledge(this.stateMachine.role, {
      'AwsSolutions-IAM5[Resource::*]': 'X-Ray and the delivery of logs take no resources.',
    });
    this.watch(props);
  }

  private watch({ alarms }: Basis): void {
    const period = Duration.minutes(5);
    alarms.watch(this, 'Failed', {
      metric: this.stateMachine.metricFailed({ period }),
      alarmDescription: 'A run of the pipeline failed; its cause names the sources and datasets.',
      runbook: 'pipeline-failed',
    });
    alarms.watch(this, 'TimedOut', {
      metric: this.stateMachine.metricTimedOut({ period }),
      alarmDescription: 'A run of the pipeline took longer than a day and was stopped.',
      runbook: 'pipeline-timed-out',
    });
  }
}
