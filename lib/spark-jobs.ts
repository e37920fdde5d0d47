import { join } from 'node:path';
import { ArnFormat, Duration, IgnoreMode, RemovalPolicy, Stack } from 'aws-cdk-lib';
import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import {
  CloudWatchEncryption,
  Code,
  GlueVersion,
  type IConnection,
  JobBookmarksEncryption,
  PySparkEtlJob,
  type PySparkEtlJobProps,
  PySparkStreamingJob,
  S3Encryption,
  SecurityConfiguration,
} from 'aws-cdk-lib/aws-glue';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { ILogGroup } from 'aws-cdk-lib/aws-logs';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import { Asset } from 'aws-cdk-lib/aws-s3-assets';
import { Construct } from 'constructs';
import { jobName, kafkaReplayJobName } from '../lambdas/shared/replay';
import { datasetsOf, isCaptured, isDerived, isExported, streamedDatasets } from '../lambdas/shared/source';
import { acknowledge, acknowledgeResource } from './acknowledge';
import type { Basis } from './basis';
import type { Catalogue, CatalogueAccess, Layer } from './catalogue';
import { watchEventExports } from './export-alarms';
import { grantItems, grantObjects } from './grants';
import { Logs } from './logs';
import { watchLogOrder, watchLosses } from './loss-alarms';
import { REST_PREFIX } from './rest-extract';
import { PYTHON_MODULES, sparkConf, workers, type WorkerName } from './spark-settings';

const ROOT = join(__dirname, '..');
/** Prefix of what web analytics tools deliver, within the landing bucket: `event-exports/<source>/`. */
export const EVENT_EXPORTS_PREFIX = 'event-exports/';
/** A resident run ends after so long, and the next takes over: by then it has this day's code and settings. */
const RESIDENT = Duration.days(1);
/** Maintenance without `spark.microBatches`, and with it: a commit every few seconds makes a long history in a day. */
const DAILY = { everyHours: 24, keepHours: 48 };
const FREQUENT = { everyHours: 1, keepHours: 2 };

type CommonProps = Omit<PySparkEtlJobProps, 'workerConfiguration'>;
type Grants = Partial<Record<Layer, CatalogueAccess>>;
/** What `glue-jobs/common/merging.py` needs. */
const MERGE: Grants = { bronze: 'read', silver: 'write', quarantine: 'write', staging: 'define' };
/** What `glue-jobs/maintain.py` needs: files and snapshots of bronze and silver go, tables stay. */
const MAINTAIN: Grants = { bronze: 'write', silver: 'write' };
/** What `glue-jobs/load_landing.py`, `load_event_export.py` and `stream_kafka.py` need: they append. */
const APPEND: Grants = { bronze: 'write', quarantine: 'write' };
/** A load of a snapshot, and a derivation, merge what bronze holds before they compare, then append to bronze. */
const COMPARE: Grants = { ...MERGE, bronze: 'write' };
/** What `glue-jobs/replay_rows.py` needs: it only reads tables. */
const REPLAY_ROWS: Grants = { bronze: 'read', quarantine: 'read' };
/** What `glue-jobs/replay_kafka.py` needs: it appends what it reads in quarantine. */
const REPLAY_KAFKA: Grants = { bronze: 'write', quarantine: 'read' };

/** @default - runs beside each other, by the name of its script */
interface JobOptions {
  /** Whether it runs once at a time. */
  readonly once?: boolean;
  readonly name?: string;
}

/** A resident job, of one run at a time. */
interface StreamOptions {
  readonly script: string;
  readonly name?: string;
  readonly workerType: WorkerName;
  readonly workers: number;
  /** Beside those that all jobs have. */
  readonly arguments: Record<string, string>;
  /** Where it has a network interface. @default - none */
  readonly connections?: IConnection[];
}

export interface SparkJobsProps extends Basis {
  readonly catalogue: Catalogue;
  readonly landing: IBucket;
  readonly runs: ITable;
  readonly errors: IBucket;
  /** Prefixes of the errors bucket below which error objects of streams lie; none: there are no streams. */
  readonly replayed: readonly string[];
}

/**
 * The Glue 5.1 jobs (Spark 3.5.6, Iceberg 1.10.0): `loadSnapshot` (an export to bronze), `loadLanding` (pages of an
 * API to bronze), `merge` (bronze to silver), `deriveSessions` (silver's events to bronze), `maintain` (both of all
 * datasets, one after the other), with `spark.microBatches` `mergeStream` (the same as a resident job), and with
 * streams one that gathers what is to be replayed (`Replay`), each the script of its name in `glue-jobs/`, with
 * `glue-jobs/common` and `contracts/` beside it. `KafkaStreams` adds its own. Runs beyond `spark.concurrentRuns` wait in
 * Glue's queue; a resident job has one run.
 * @see https://docs.aws.amazon.com/glue/latest/dg/aws-glue-programming-etl-glue-arguments.html
 */
export class SparkJobs extends Construct {
  readonly loadSnapshot: PySparkEtlJob;
  readonly loadLanding: PySparkEtlJob;
  /** With sources that are exports of web analytics tools: their deliveries to bronze. */
  readonly loadEventExport?: PySparkEtlJob;
  /** With sources that are sessions. */
  readonly deriveSessions?: PySparkEtlJob;
  readonly merge: PySparkEtlJob;
  readonly mergeStream?: PySparkStreamingJob;
  readonly maintain: PySparkEtlJob;
  /** How often tables want that. */
  readonly maintainEvery: Duration;
  /** Where jobs print, a JSON line for each thing done. */
  readonly output: ILogGroup;
  private readonly modules: Asset;
  private readonly contracts: Asset;
  private readonly security: SecurityConfiguration;

  constructor(
    scope: Construct,
    id: string,
    private readonly props: SparkJobsProps,
  ) {
    super(scope, id);
    // Zipped with the folder `common/` at the root, as an import of it wants.
    this.modules = new Asset(this, 'Common', {
      path: join(ROOT, 'glue-jobs'),
      ignoreMode: IgnoreMode.GIT,
      exclude: ['/*', '!/common', '__pycache__'],
    });
    this.contracts = new Asset(this, 'Contracts', { path: join(ROOT, 'contracts') });
    this.security = new SecurityConfiguration(this, 'Security', {
      cloudWatchEncryption: CloudWatchEncryption.kms(props.key),
      jobBookmarksEncryption: JobBookmarksEncryption.clientSideKms(props.key),
      s3Encryption: S3Encryption.kms(props.key),
    });

    const logs = (log: string) =>
      new Logs(this, `Logs-${log}`, { ...props, logGroupName: `${logPrefix(props)}/${log}` });
    this.output = logs('output');
    logs('error');
    // It has a name of its own: kept, it would be in the way of the next deployment.
    this.security.applyRemovalPolicy(RemovalPolicy.DESTROY);

    const loader = this.role('LoadSnapshotRole', COMPARE, props);
    grantObjects(props.landing, loader, 'exports/', 'read');
    this.loadSnapshot = this.job('LoadSnapshot', 'load_snapshot', loader, props);

    const lander = this.role('LoadLandingRole', APPEND, props);
    grantObjects(props.landing, lander, REST_PREFIX, 'read');
    this.loadLanding = this.job('LoadLanding', 'load_landing', lander, props);

    const exported = props.platform.sources.filter(({ kind }) => kind === 'event_export');
    if (exported.length > 0) {
      const taker = this.role('LoadEventExportRole', APPEND, props);
      for (const { name } of exported) {
        const folder = EVENT_EXPORTS_PREFIX + name;
        grantObjects(props.landing, taker, `${folder}/`, 'read');
        // Glue's file system asks first whether a folder is an object, and takes a refusal for a failure.
        taker.addToPolicy(
          new PolicyStatement({ actions: ['s3:GetObject'], resources: [props.landing.arnForObjects(folder)] }),
        );
      }
      this.loadEventExport = this.job('LoadEventExport', 'load_event_export', taker, props, {
        '--landing': props.landing.s3UrlForObject(EVENT_EXPORTS_PREFIX),
      });
      watchEventExports(this, { alarms: props.alarms, logGroup: this.output });
    }

    const merger = this.role('MergeRole', MERGE, props);
    this.merge = this.job('Merge', 'merge', merger, props);
    for (const source of props.platform.sources.filter(isCaptured)) {
      const watched = { alarms: props.alarms, source, logGroup: this.output };
      watchLogOrder(this, watched);
      if (isExported(source)) watchLosses(this, watched);
    }

    const { maintenance, spark } = props.environment;
    const { everyHours, keepHours } = { ...(spark.microBatches ? FREQUENT : DAILY), ...maintenance };
    this.maintainEvery = Duration.hours(everyHours);
    const maintainer = this.role('MaintainRole', MAINTAIN, props);
    const tables = {
      '--datasets': props.platform.sources.flatMap(datasetsOf).join(','),
      '--keep-hours': String(keepHours),
      '--tombstone-days': String(maintenance.tombstoneDays),
      '--run-id': 'maintenance',
    };
    this.maintain = this.job('Maintain', 'maintain', maintainer, props, tables, { once: true });
    const derived = props.platform.sources.filter(isDerived);
    if (derived.length > 0) {
      const deriver = this.role('DeriveSessionsRole', COMPARE, props);
      const declared = { '--sessions': JSON.stringify(derived) };
      this.deriveSessions = this.job('DeriveSessions', 'derive_sessions', deriver, props, declared);
    }

    if (props.replayed.length > 0) {
      const gatherer = this.role('ReplayRowsRole', REPLAY_ROWS, props);
      for (const prefix of props.replayed) grantObjects(props.errors, gatherer, prefix, 'write');
      this.job('ReplayRows', 'replay_rows', gatherer, props);
    }

    const { microBatches } = spark;
    const datasets = streamedDatasets(props.platform.sources);
    if (microBatches && datasets.length > 0) {
      this.mergeStream = this.resident(this, 'MergeStream', merger, {
        ...microBatches,
        script: 'merge_stream',
        arguments: {
          '--datasets': datasets.join(','),
          '--every': String(microBatches.everySeconds),
          '--parallel': String(microBatches.parallel),
          '--run-id': 'micro-batches',
        },
      });
    }
  }

  /** A resident job that appends to bronze and quarantine, in `scope`, and its role, to which more may be granted. */
  stream(scope: Construct, source: string, options: StreamOptions): { job: PySparkStreamingJob; role: Role } {
    const role = this.role(`Stream-${source}-Role`, APPEND, this.props);
    return { job: this.resident(scope, 'Job', role, options), role };
  }

  /** The job that brings a Kafka source's dead letters back (`npm run ops -- replay`): Kafka itself is not asked. */
  replayKafka(source: string, args: Record<string, string>): PySparkEtlJob {
    const name = kafkaReplayJobName(this.props.environment.name, source);
    const role = this.role(`ReplayKafka-${source}-Role`, REPLAY_KAFKA, this.props);
    return this.job(`ReplayKafka-${source}`, 'replay_kafka', role, this.props, args, { once: true, name });
  }

  private resident(scope: Construct, id: string, role: Role, options: StreamOptions): PySparkStreamingJob {
    const common = this.common(options.script, role, this.props, {
      ...options.arguments,
      '--seconds': String(RESIDENT.toSeconds()),
    });
    return new PySparkStreamingJob(scope, id, {
      ...common,
      jobName: options.name ?? common.jobName,
      connections: options.connections,
      workerConfiguration: workers(options.workerType, options.workers),
      maxConcurrentRuns: 1,
      timeout: RESIDENT.plus(Duration.hours(1)),
    });
  }

  /** A job that ends, with arguments beside those that all have. */
  private job(
    id: string,
    script: string,
    role: Role,
    props: SparkJobsProps,
    more: Record<string, string> = {},
    { once = false, name }: JobOptions = {},
  ): PySparkEtlJob {
    const { spark } = props.environment;
    const common = this.common(script, role, props, more);
    return new PySparkEtlJob(this, id, {
      ...common,
      jobName: name ?? common.jobName,
      workerConfiguration: workers(spark.workerType, spark.workers),
      maxConcurrentRuns: once ? 1 : spark.concurrentRuns,
      jobRunQueuingEnabled: !once,
      timeout: Duration.minutes(spark.timeoutMinutes),
    });
  }

  private common(script: string, role: Role, props: SparkJobsProps, more: Record<string, string> = {}): CommonProps {
    this.contracts.grantRead(role);
    return {
      // Holds no state, so a name of our own costs nothing, and operators find `moraine-prod-merge`.
      jobName: jobName(props.environment.name, script),
      description: `glue-jobs/${script}.py`,
      script: Code.fromAsset(join(ROOT, 'glue-jobs', `${script}.py`)),
      extraPythonFiles: [Code.fromBucket(this.modules.bucket, this.modules.s3ObjectKey)],
      role,
      glueVersion: GlueVersion.V5_1,
      securityConfiguration: this.security,
      defaultArguments: {
        '--conf': sparkConf(props.catalogue.lake.bucketName),
        '--datalake-formats': 'iceberg',
        '--additional-python-modules': PYTHON_MODULES,
        '--enable-job-insights': 'true',
        '--job-bookmark-option': 'job-bookmark-disable',
        '--custom-logGroup-prefix': logPrefix(props),
        '--contracts': this.contracts.s3ObjectUrl,
        '--env': props.environment.name,
        '--runs-table': props.runs.tableName,
        ...more,
      },
    };
  }

  private role(id: string, grants: Grants, props: SparkJobsProps): Role {
    const role = new Role(this, id, { assumedBy: new ServicePrincipal('glue.amazonaws.com') });
    grantItems(props.runs, role, 'write');
    const logs = Stack.of(this).formatArn({
      service: 'logs',
      resource: 'log-group',
      resourceName: '/aws-glue/*',
      arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    });
    role.addToPolicy(
      new PolicyStatement({
        actions: ['logs:CreateLogGroup', 'logs:CreateLogStream', 'logs:PutLogEvents', 'logs:AssociateKmsKey'],
        resources: [logs],
      }),
    );
    role.addToPolicy(
      new PolicyStatement({
        actions: ['cloudwatch:PutMetricData'],
        resources: ['*'],
        conditions: { StringEquals: { 'cloudwatch:namespace': 'Glue' } },
      }),
    );
    acknowledge(role, {
      'AwsSolutions-IAM5[Action::s3:GetObject*]': "CDK's own grant on the bucket of its assets.",
      'AwsSolutions-IAM5[Action::s3:GetBucket*]': "CDK's own grant on the bucket of its assets.",
      'AwsSolutions-IAM5[Action::s3:List*]': "CDK's own grant on the bucket of its assets.",
      'AwsSolutions-IAM5[Resource::*]': 'PutMetricData knows no resources; the condition allows one namespace.',
    });
    acknowledgeResource(role, logs, 'Glue names the log groups of its jobs.');
    acknowledgeResource(role, this.modules.bucket.arnForObjects('*'), "CDK's own grant on the bucket of its assets.");
    for (const [layer, access] of Object.entries(grants) as [Layer, CatalogueAccess][]) {
      props.catalogue.grant(role, layer, access);
    }
    return role;
  }
}

/**
 * Where Glue writes what its jobs say, below `/output` and `/error`.
 * @see https://docs.aws.amazon.com/glue/latest/dg/monitor-continuous-logging.html
 */
const logPrefix = ({ environment }: Basis): string => `/aws-glue/jobs/moraine-${environment.name}`;
