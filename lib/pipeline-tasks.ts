import { Duration } from 'aws-cdk-lib';
import type { Project } from 'aws-cdk-lib/aws-codebuild';
import type { PySparkEtlJob } from 'aws-cdk-lib/aws-glue';
import { IntegrationPattern, TaskInput, Timeout, type RetryProps } from 'aws-cdk-lib/aws-stepfunctions';
import { CodeBuildStartBuild, GlueStartJobRun, LambdaInvoke } from 'aws-cdk-lib/aws-stepfunctions-tasks';
import type { Construct } from 'constructs';
import type { Environment } from '../config/environment';
import type { Handler } from './handler';

/** The tasks of the pipeline's states, in JSONata: each is tried again, for each may be repeated. */

export const RUN_ID = '{% $states.context.Execution.Name %}';
export const INPUT = '{% $states.input %}';
const PAYLOAD = '{% $states.result.Payload %}';

/** What a Glue job is told of its dataset: that of the input, or all that the input lists. */
export const DATASET = { '--dataset': '{% $states.input.dataset %}' };
export const DATASETS = { '--datasets': "{% $join($states.input.datasets.dataset, ',') %}" };

/** A Glue job; its output is its input, unless said. */
export function runJob(
  scope: Construct,
  id: string,
  job: PySparkEtlJob,
  environment: Environment,
  told: Record<string, string>,
  outputs = INPUT,
): GlueStartJobRun {
  const limit = Duration.minutes(environment.spark.timeoutMinutes);
  const task = GlueStartJobRun.jsonata(scope, id, {
    glueJobName: job.jobName,
    integrationPattern: IntegrationPattern.RUN_JOB,
    arguments: TaskInput.fromObject({ ...told, '--run-id': RUN_ID }),
    // Glue's own limit on the run, which does not count the time in its queue; the machine's timeout bounds both.
    taskTimeout: Timeout.duration(limit),
    notifyDelayAfter: limit,
    outputs,
  });
  task.addRetry(retry(1, 30));
  return task;
}

/** The build of gold. */
export function build(scope: Construct, project: Project): CodeBuildStartBuild {
  const task = CodeBuildStartBuild.jsonata(scope, 'Build gold', {
    project,
    integrationPattern: IntegrationPattern.RUN_JOB,
    taskTimeout: Timeout.duration(Duration.hours(3)),
    outputs: '{% {} %}',
  });
  task.addRetry(retry(1, 30));
  return task;
}

/** A handler, called with `payload`; its answer is the output. */
export function invoke(
  scope: Construct,
  id: string,
  handler: Handler,
  payload: string | Record<string, string>,
  timeout: Duration = Duration.minutes(1),
): LambdaInvoke {
  const task = LambdaInvoke.jsonata(scope, id, {
    lambdaFunction: handler,
    payload: typeof payload === 'string' ? TaskInput.fromText(payload) : TaskInput.fromObject(payload),
    taskTimeout: Timeout.duration(timeout),
    retryOnServiceExceptions: false,
    outputs: PAYLOAD,
  });
  task.addRetry(retry(2, 5));
  return task;
}

function retry(maxAttempts: number, seconds: number): RetryProps {
  return { errors: ['States.ALL'], maxAttempts, interval: Duration.seconds(seconds), backoffRate: 2 };
}
