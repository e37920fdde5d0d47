import { Duration } from 'aws-cdk-lib';
import type { Project } from 'aws-cdk-lib/aws-codebuild';
import type { PySparkEtlJob } from 'aws-cdk-lib/aws-glue';
import {
  Choice,
  Condition,
  Fail,
  IntegrationPattern,
  Map as MapState,
  Pass,
  ProvideItems,
  TaskInput,
  Timeout,
  Wait,
  WaitTime,
  type CatchProps,
  type IChainable,
  type RetryProps,
  type TaskStateBase,
} from 'aws-cdk-lib/aws-stepfunctions';
import { CodeBuildStartBuild, GlueStartJobRun, LambdaInvoke } from 'aws-cdk-lib/aws-stepfunctions-tasks';
import type { Construct } from 'constructs';
import type { Environment } from '../config/environment';
import type { Handler } from './handler';
import type { Branch } from './pipeline-graph';
import type { SnapshotExport } from './snapshot-export';
import type { SparkJobs } from './spark-jobs';

export interface PipelineDefinitionProps {
  readonly environment: Environment;
  readonly branches: readonly Branch[];
  readonly exports: SnapshotExport;
  readonly jobs: SparkJobs;
  readonly build: Project;
  readonly publish: Handler;
}

/** RDS runs at most five exports at once in an account. */
const EXPORTS_AT_ONCE = 5;
const RUN_ID = '{% $states.context.Execution.Name %}';
const INPUT = '{% $states.input %}';
const PAYLOAD = '{% $states.result.Payload %}';
/** Caught errors, in the form in which the end of the map looks for them: `failed` says what went wrong. */
const WHY = "$substring($states.errorOutput.Error & ': ' & $states.errorOutput.Cause, 0, 1000)";
const CATCH_DATASET: CatchProps = { outputs: `{% {'dataset': $states.input.dataset, 'failed': ${WHY}} %}` };
const CATCH_SOURCE: CatchProps = { outputs: `{% {'source': $states.input.source, 'failed': [{'failed': ${WHY}}]} %}` };
/** A map's result: the source, and those of its datasets that failed. */
const SUM_UP = "{% {'source': $states.input.source, 'failed': [$states.result[$exists(failed)]]} %}";
const FAILED =
  "$states.input[$count(failed) > 0].(source & ' (' & $join(failed.$join([dataset, failed], ': '), '; ') & ')')";

/**
 * The pipeline's states, in JSONata. Sources run side by side: a snapshot is exported and watched, its tables are loaded
 * and merged side by side; a stream's datasets are merged. A source or a dataset that fails stops no other; when all
 * have ended the run fails naming those that failed, or else builds gold and publishes it.
 * Every task is tried again before it counts as failed, for all of them may be repeated.
 * @see https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
 */
export function pipelineDefinition(scope: Construct, props: PipelineDefinitionProps): IChainable {
  const sources = MapState.jsonata(scope, 'Each source', {
    items: ProvideItems.jsonArray([...props.branches]),
    maxConcurrency: EXPORTS_AT_ONCE,
  }).itemProcessor(source(scope, props));

  const gold = build(scope, props.build).next(
    invoke(scope, 'Publish aggregates', props.publish, { runId: RUN_ID }, Duration.minutes(16)),
  );
  const failed = Fail.jsonata(scope, 'Sources failed', {
    error: 'SourcesFailed',
    cause: `{% $join(${FAILED}, ', ') %}`,
  });
  return sources.next(
    Choice.jsonata(scope, 'Did all arrive?')
      .when(Condition.jsonata('{% $count($states.input.failed) > 0 %}'), failed)
      .otherwise(gold),
  );
}

/** One source: input `{source, wayIn, datasets}`, output `{source, failed: [{dataset?, failed}]}`. */
function source(scope: Construct, props: PipelineDefinitionProps): IChainable {
  const { environment, exports, jobs } = props;
  const failed = Pass.jsonata(scope, 'Source failed');
  const merges = eachDataset(
    scope,
    'Each dataset',
    '$states.input.datasets',
    props,
    merge(scope, 'Merge', jobs.merge, props),
  );
  const tables = eachDataset(scope, 'Each table', '$states.input.tables', props, load(scope, props));

  const start = invoke(scope, 'Start export', exports.start, { source: '{% $states.input.source %}', runId: RUN_ID });
  const check = invoke(scope, 'Check export', exports.check, INPUT);
  const wait = Wait.jsonata(scope, 'Wait for export', {
    time: WaitTime.duration(Duration.seconds(environment.exportPollSeconds)),
  });
  for (const task of [start, check]) task.addCatch(failed, CATCH_SOURCE);
  for (const map of [merges, tables]) map.addCatch(failed, CATCH_SOURCE);

  const done = Choice.jsonata(scope, 'Is the export complete?')
    .when(Condition.jsonata("{% $states.input.status = 'complete' %}"), tables)
    .otherwise(wait.next(check));
  return Choice.jsonata(scope, 'Way in')
    .when(Condition.jsonata("{% $states.input.wayIn = 'snapshot' %}"), start.next(check).next(done))
    .otherwise(merges);
}

/** Runs `steps` for each item; the result is the source and the items that failed. */
function eachDataset(
  scope: Construct,
  id: string,
  items: string,
  props: PipelineDefinitionProps,
  steps: IChainable,
): MapState {
  return MapState.jsonata(scope, id, {
    items: ProvideItems.jsonata(`{% ${items} %}`),
    maxConcurrency: props.environment.spark.concurrentRuns,
    outputs: SUM_UP,
  }).itemProcessor(steps);
}

/** Bronze gets what differs in an exported table, then silver. */
function load(scope: Construct, props: PipelineDefinitionProps): IChainable {
  const field = (name: string) => `{% $states.input.${name} %}`;
  const task = runJob(scope, 'Load snapshot', props.jobs.loadSnapshot, props, {
    '--table': field('table'),
    '--export': field('export'),
    '--export-id': field('exportId'),
    '--position': field('position'),
    '--committed-at': field('committedAt'),
    '--complete': '{% $string($states.input.complete) %}',
  });
  task.addCatch(Pass.jsonata(scope, 'Load failed'), CATCH_DATASET);
  return task.next(merge(scope, 'Merge snapshot', props.jobs.merge, props));
}

function merge(scope: Construct, id: string, job: PySparkEtlJob, props: PipelineDefinitionProps): TaskStateBase {
  const task = runJob(scope, id, job, props, {});
  task.addCatch(Pass.jsonata(scope, `${id} failed`), CATCH_DATASET);
  return task;
}

/** A Glue job for the dataset of the input, which is also its output. */
function runJob(
  scope: Construct,
  id: string,
  job: PySparkEtlJob,
  props: PipelineDefinitionProps,
  more: Record<string, string>,
): GlueStartJobRun {
  const limit = Duration.minutes(props.environment.spark.timeoutMinutes);
  const task = GlueStartJobRun.jsonata(scope, id, {
    glueJobName: job.jobName,
    integrationPattern: IntegrationPattern.RUN_JOB,
    arguments: TaskInput.fromObject({ '--dataset': '{% $states.input.dataset %}', '--run-id': RUN_ID, ...more }),
    // Glue's own limit on the run, which does not count the time in its queue; the machine's timeout bounds both.
    taskTimeout: Timeout.duration(limit),
    notifyDelayAfter: limit,
    outputs: INPUT,
  });
  task.addRetry(retry(1, 30));
  return task;
}

function build(scope: Construct, project: Project): CodeBuildStartBuild {
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
function invoke(
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
