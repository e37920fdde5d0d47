import { Duration } from 'aws-cdk-lib';
import type { Project } from 'aws-cdk-lib/aws-codebuild';
import type { PySparkEtlJob } from 'aws-cdk-lib/aws-glue';
import {
  Choice,
  Condition,
  Fail,
  Map as MapState,
  Pass,
  ProvideItems,
  Wait,
  WaitTime,
  type CatchProps,
  type IChainable,
  type TaskStateBase,
} from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import type { Environment } from '../config/environment';
import type { Handler } from './handler';
import type { Branch } from './pipeline-graph';
import { build, DATASET, DATASETS, INPUT, invoke, RUN_ID, runJob } from './pipeline-tasks';
import type { RestExtract } from './rest-extract';
import type { SnapshotExport } from './snapshot-export';
import type { SparkJobs } from './spark-jobs';

export interface PipelineDefinitionProps {
  readonly environment: Environment;
  readonly branches: readonly Branch[];
  readonly exports: SnapshotExport;
  readonly extract: RestExtract;
  readonly jobs: SparkJobs;
  readonly build: Project;
  readonly publish: Handler;
}

/** Caught errors, in the form in which the end of the map looks for them: `failed` says what went wrong. */
const WHY = "$substring($states.errorOutput.Error & ': ' & $states.errorOutput.Cause, 0, 1000)";
const CATCH_DATASET: CatchProps = { outputs: `{% {'dataset': $states.input.dataset, 'failed': ${WHY}} %}` };
const CATCH_SOURCE: CatchProps = { outputs: `{% {'source': $states.input.source, 'failed': [{'failed': ${WHY}}]} %}` };
/** A map's result: the source, and those of its datasets that failed, or that an export skipped. */
const SUM_UP =
  "{% {'source': $states.input.source, 'failed': [$states.result[$exists(failed)], $states.input.skipped]} %}";
const NONE_FAILED = "{% {'source': $states.input.source, 'failed': []} %}";
const FAILED =
  "$states.input.ended[$count(failed) > 0].(source & ' (' & $join(failed.$join([dataset, failed], ': '), '; ') & ')')";
/** What the sources came to, and the branches that are next. */
const ENDED = "{% {'ended': $states.result, 'derived': [$states.input.branches[wayIn = 'derive'].datasets]} %}";
/** The same of datasets, each of which is a branch. */
const DERIVED = "{% {'ended': [$states.result[$exists(failed)].{'source': dataset, 'failed': [$]}]} %}";

/**
 * The pipeline's states, in JSONata. Sources run side by side, all of them: exports queue by themselves, and Glue queues
 * its jobs. A snapshot is exported and watched, its tables are loaded and merged side by side; an API's resources are
 * read, loaded and merged; what a web analytics tool delivered is loaded and merged; a stream's datasets are merged, all
 * in one run of the job. A source or a dataset that fails stops no other; when all have ended the run fails naming those
 * that failed, or else derives what is computed from silver, builds gold and publishes it. A run whose input has
 * `branches` takes these instead of all: `npm run ops -- reload` loads tables of one snapshot so.
 * Every task is tried again before it counts as failed, for all of them may be repeated.
 * @see https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
 */
export function pipelineDefinition(scope: Construct, props: PipelineDefinitionProps): IChainable {
  const sources = MapState.jsonata(scope, 'Each source', {
    items: ProvideItems.jsonata("{% [$states.input.branches[wayIn != 'derive']] %}"),
    outputs: ENDED,
  }).itemProcessor(source(scope, props));
  const gold = build(scope, props.build).next(
    invoke(scope, 'Publish aggregates', props.publish, { runId: RUN_ID }, Duration.minutes(16)),
  );
  const failed = Fail.jsonata(scope, 'Sources failed', {
    error: 'SourcesFailed',
    cause: `{% $join(${FAILED}, ', ') %}`,
  });
  const anyFailed = Condition.jsonata('{% $count($states.input.ended.failed) > 0 %}');
  const { deriveSessions } = props.jobs;
  const derived = deriveSessions && eachDerived(scope, deriveSessions, props);
  derived?.next(Choice.jsonata(scope, 'Was all derived?').when(anyFailed, failed).otherwise(gold));
  sources.next(
    Choice.jsonata(scope, 'Did all arrive?')
      .when(anyFailed, failed)
      .otherwise(derived ?? gold),
  );
  return Choice.jsonata(scope, 'Are sources named?')
    .when(Condition.jsonata('{% $exists($states.input.branches) %}'), sources)
    .otherwise(Pass.jsonata(scope, 'All sources', { outputs: { branches: props.branches } }).next(sources));
}

/** One source: input is a `Branch`, output `{source, failed: [{dataset?, failed}]}`. */
function source(scope: Construct, props: PipelineDefinitionProps): IChainable {
  const { environment, exports, jobs } = props;
  const failed = Pass.jsonata(scope, 'Source failed');
  const merges = runJob(scope, 'Merge', jobs.merge, environment, DATASETS, NONE_FAILED);
  const tables = eachDataset(scope, 'Each table', '$states.input.tables', props, load(scope, props));

  const start = invoke(scope, 'Start export', exports.start, INPUT);
  const check = invoke(scope, 'Check export', exports.check, INPUT);
  const wait = Wait.jsonata(scope, 'Wait for export', {
    time: WaitTime.duration(Duration.seconds(environment.exportPollSeconds)),
  });
  const queue = Wait.jsonata(scope, 'Wait for room', {
    time: WaitTime.duration(Duration.seconds(environment.exportPollSeconds)),
  });
  const resources = eachDataset(scope, 'Each resource', '$states.input.datasets', props, extract(scope, props));
  for (const task of [start, check, merges]) task.addCatch(failed, CATCH_SOURCE);
  const { loadEventExport } = jobs;
  const deliveries =
    loadEventExport &&
    eachDataset(scope, 'Each export', '$states.input.datasets', props, deliver(scope, loadEventExport, props));
  for (const map of [tables, resources, deliveries]) map?.addCatch(failed, CATCH_SOURCE);

  const done = Choice.jsonata(scope, 'Is the export complete?')
    .when(Condition.jsonata("{% $states.input.status = 'complete' %}"), tables)
    .otherwise(wait.next(check));
  const started = Choice.jsonata(scope, 'Is the export queued?')
    .when(Condition.jsonata("{% $states.input.status = 'queued' %}"), queue.next(start))
    .otherwise(check.next(done));
  const ways = Choice.jsonata(scope, 'Way in')
    .when(Condition.jsonata("{% $states.input.wayIn = 'snapshot' %}"), start.next(started))
    .when(Condition.jsonata("{% $states.input.wayIn = 'extract' %}"), resources);
  if (deliveries) ways.when(Condition.jsonata("{% $states.input.wayIn = 'delivery' %}"), deliveries);
  return ways.otherwise(merges);
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
  const task = runJob(scope, 'Load snapshot', props.jobs.loadSnapshot, props.environment, {
    ...DATASET,
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

/** Bronze gets what differs from what is computed, then silver. */
function eachDerived(scope: Construct, job: PySparkEtlJob, props: PipelineDefinitionProps): MapState {
  const task = runJob(scope, 'Derive sessions', job, props.environment, DATASET);
  task.addCatch(Pass.jsonata(scope, 'Derivation failed'), CATCH_DATASET);
  return MapState.jsonata(scope, 'Each derived dataset', {
    items: ProvideItems.jsonata('{% $states.input.derived %}'),
    maxConcurrency: props.environment.spark.concurrentRuns,
    outputs: DERIVED,
  }).itemProcessor(task.next(merge(scope, 'Merge derived', props.jobs.merge, props)));
}

/**
 * One resource of an API: extracted, as often as the handler says that it is unfinished, then loaded, confirmed and
 * merged. A run that an earlier execution left behind is confirmed as unfinished: then there is a new one to extract.
 */
function extract(scope: Construct, props: PipelineDefinitionProps): IChainable {
  const { environment, jobs } = props;
  const { handler } = props.extract;
  const payload = (action: string, more: Record<string, string> = {}) => ({
    ...{ action, runId: RUN_ID, source: '{% $states.input.source %}', dataset: '{% $states.input.dataset %}' },
    ...more,
  });
  const read = invoke(scope, 'Extract', handler, payload('extract'), Duration.minutes(16));
  const load = runJob(scope, 'Load landing', jobs.loadLanding, environment, {
    ...DATASET,
    '--landing': '{% $states.input.landing %}',
  });
  const confirm = invoke(scope, 'Confirm extraction', handler, payload('confirm', { run: '{% $states.input.run %}' }));
  const failed = Pass.jsonata(scope, 'Extraction failed');
  for (const task of [read, load, confirm]) task.addCatch(failed, CATCH_DATASET);

  const wait = Wait.jsonata(scope, 'Wait for API', { time: WaitTime.seconds('{% $states.input.seconds %}') }).next(
    read,
  );
  const unfinished = Condition.jsonata("{% $states.input.status = 'unfinished' %}");
  const more = Choice.jsonata(scope, 'Is there more to extract?')
    .when(unfinished, wait)
    .otherwise(merge(scope, 'Merge landing', jobs.merge, props));
  const done = Choice.jsonata(scope, 'Has every page landed?')
    .when(unfinished, wait)
    .otherwise(load.next(confirm).next(more));
  return read.next(done);
}

/** What a web analytics tool delivered since the last run is loaded, then merged. */
function deliver(scope: Construct, job: PySparkEtlJob, props: PipelineDefinitionProps): IChainable {
  const field = (name: string) => `{% $states.input.${name} %}`;
  const load = runJob(scope, 'Load event export', job, props.environment, {
    ...DATASET,
    '--source': field('source'),
    '--format': field('format'),
    '--fields': field('fields'),
  });
  load.addCatch(Pass.jsonata(scope, 'Load event export failed'), CATCH_DATASET);
  return load.next(merge(scope, 'Merge event export', props.jobs.merge, props));
}

function merge(scope: Construct, id: string, job: PySparkEtlJob, props: PipelineDefinitionProps): TaskStateBase {
  const task = runJob(scope, id, job, props.environment, DATASET);
  task.addCatch(Pass.jsonata(scope, `${id} failed`), CATCH_DATASET);
  return task;
}
