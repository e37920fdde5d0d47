import { Annotations, CfnOutput, Fn, Stack, Stage, Tags } from 'aws-cdk-lib';
import { Subscription, SubscriptionProtocol } from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import type { Environment } from '../config/environment';
import type { Platform } from '../lambdas/shared/platform';
import { isCaptured } from '../lambdas/shared/source';
import { AlarmTopic } from './alarms';
import { AnalyticsApi } from './analytics-api';
import { ApiLogging } from './api-logging';
import { ApiSecrets } from './api-secrets';
import type { Basis } from './basis';
import { CaptureRoles } from './capture-roles';
import { Catalogue } from './catalogue';
import { ChangeCapture } from './change-capture';
import { ChangeStreams } from './change-streams';
import { Dashboard } from './dashboard';
import { EncryptionKey } from './encryption';
import { EventCollector } from './event-collector';
import { EventStream } from './event-stream';
import { KafkaClusters } from './kafka-clusters';
import { KafkaStreams } from './kafka-streams';
import { LakeQueries } from './lake-queries';
import { Marts } from './marts';
import { networkOf } from './network';
import { Pipeline } from './pipeline';
import { changeWays, eventWays, Replay, type ReplayWay } from './replay';
import { RepeatedJob } from './repeated-job';
import { RestExtract } from './rest-extract';
import { RunRecords } from './run-records';
import { Serving } from './serving';
import { SnapshotExport } from './snapshot-export';
import { SparkJobs } from './spark-jobs';
import { Storage } from './storage';
import { Tables } from './tables';
import { Warehouse } from './warehouse';
import { WriteKeys } from './write-keys';

export interface PlatformStageProps {
  readonly environment: Environment;
  /** The declarations, read by `readDeclarations`. */
  readonly platform: Platform;
  /** Folder with dbt's wheels. @default - none, see `Marts` */
  readonly wheels?: string;
}

/**
 * One environment, whole: the table of contents. Stacks stand in the order in which rows meet them, split by what may
 * be lost: `foundation`, `streams` and `warehouse` hold what cannot be made again, the others can be destroyed and
 * deployed again.
 */
export class PlatformStage extends Stage {
  private readonly definition: Environment;

  constructor(scope: Construct, props: PlatformStageProps) {
    const { environment, platform, wheels } = props;
    super(scope, `moraine-${environment.name}`, { env: { account: environment.account, region: environment.region } });
    this.definition = environment;
    Tags.of(this).add('moraine:environment', environment.name);

    const foundation = this.stack('Foundation', { stateful: true });
    const key = new EncryptionKey(foundation, 'Key', { environment });
    const alarms = new AlarmTopic(foundation, 'Alarms', { key });
    const basis: Basis = { environment, platform, key, alarms };
    const captures = platform.sources.some(isCaptured);
    const vpc = networkOf(foundation, 'Network', { environment, key, captures });
    const { landing, lake, errors, results } = new Storage(foundation, 'Storage', { environment, key });
    const catalogue = new Catalogue(foundation, 'Catalogue', { environment, lake });
    const tables = new Tables(foundation, 'Tables', { ...basis, catalogue });
    output(foundation, 'LandingBucket', landing.bucketName);
    output(foundation, 'LakeBucket', lake.bucketName);
    output(foundation, 'ErrorsBucket', errors.bucketName);

    const streams = this.stack('Streams', { stateful: true });
    const runs = new RunRecords(streams, 'RunRecords', { environment, key });
    output(streams, 'RunsTable', runs.tableName);
    const secrets = new ApiSecrets(streams, 'ApiSecrets', basis);
    const keys = new WriteKeys(streams, 'WriteKeys', basis);
    const capture = captures ? new ChangeCapture(streams, 'ChangeCapture', { ...basis, vpc, runs }) : undefined;

    const consumes = platform.sources.some(({ kind }) => kind === 'kafka');
    const clusters = consumes ? new KafkaClusters(streams, 'KafkaClusters', { ...basis, vpc }) : undefined;

    const warehouseStack = this.stack('Warehouse', { stateful: true });
    const warehouse = new Warehouse(warehouseStack, 'Warehouse', { ...basis, vpc, catalogue });

    const ingestion = this.stack('Ingestion');
    const exports = new SnapshotExport(ingestion, 'SnapshotExport', { ...basis, landing, runs });
    const extract = new RestExtract(ingestion, 'RestExtract', { ...basis, landing, runs, secrets });
    const lakeStream = { ...basis, catalogue, errors, tables };
    const collectors = platform.sources.filter((source) => source.kind === 'collector');
    const ways: ReplayWay[] = [];
    if (collectors.length > 0) {
      const stream = new EventStream(ingestion, 'EventStream', lakeStream);
      ways.push(...eventWays(stream, collectors));
      const collector = new EventCollector(ingestion, 'EventCollector', { ...basis, collectors, stream, keys });
      output(ingestion, 'CollectorUrl', collector.url);
    }
    if (capture) ways.push(...changeWays(new ChangeStreams(ingestion, 'ChangeStreams', { ...lakeStream, capture })));
    if (ways.length > 0) {
      const replay = new Replay(ingestion, 'Replay', { ...basis, errors, ways });
      output(ingestion, 'ReplayFunction', replay.functionName);
    }

    const servingStack = this.stack('Serving');
    const serving = new Serving(servingStack, 'Serving', { ...basis, warehouse, runs });
    const api = new AnalyticsApi(servingStack, 'AnalyticsApi', { ...basis, serving: serving.table, runs });
    output(servingStack, 'ServingTable', serving.table.tableName);
    output(servingStack, 'PublishFunction', serving.publish.functionName);
    output(servingStack, 'AnalyticsApiUrl', api.url);
    if (api.tokenUrl) output(servingStack, 'AnalyticsTokenApiUrl', api.tokenUrl);
    const keyIds = Object.entries(api.keyIds).map(([client, id]) => `${client}=${id}`);
    if (keyIds.length > 0) output(servingStack, 'ApiKeyIds', keyIds.join(' '));
    const queries = new LakeQueries(servingStack, 'LakeQueries', { ...basis, catalogue, results });
    output(servingStack, 'LakeWorkgroup', queries.workgroupName);
    output(servingStack, 'LakeReaderPolicyArn', queries.reader.managedPolicyArn);
    this.setUpAccount([ingestion, servingStack], captures ? streams : undefined);

    const transformation = this.stack('Transformation');
    const replayed = [...new Set(ways.map(({ prefix }) => prefix))];
    const jobs = new SparkJobs(transformation, 'SparkJobs', { ...basis, catalogue, landing, runs, errors, replayed });
    const { maintain, maintainEvery: every } = jobs;
    const upkeep = { what: 'maintenance of the tables', runbook: 'maintenance', job: maintain, every };
    new RepeatedJob(transformation, 'Maintenance', { ...basis, ...upkeep });
    output(transformation, 'MaintainJob', maintain.jobName);
    if (jobs.mergeStream) {
      const what = { what: 'resident merge', runbook: 'resident-merge' };
      new RepeatedJob(transformation, 'MicroBatches', { ...basis, ...what, job: jobs.mergeStream });
      output(transformation, 'MergeStreamJob', jobs.mergeStream.jobName);
    }
    if (clusters) new KafkaStreams(transformation, 'KafkaStreams', { ...basis, clusters, jobs });
    const { build } = new Marts(transformation, 'Marts', { ...basis, vpc, warehouse, catalogue, serving, wheels });
    const { publish } = serving;
    const pipeline = new Pipeline(transformation, 'Pipeline', { ...basis, exports, extract, jobs, build, publish });
    output(transformation, 'PipelineArn', pipeline.stateMachine.stateMachineArn);

    const operations = this.stack('Operations');
    new Dashboard(operations, 'Dashboard', { environment, alarms });
    for (const endpoint of environment.alarmEmails) {
      new Subscription(operations, endpoint, { topic: alarms, protocol: SubscriptionProtocol.EMAIL, endpoint });
    }
  }

  /**
   * What an account has once stands in a stack of its own, which only an environment with `accountSettings` or
   * `captureRoles` has.
   * @param apis stacks with APIs that log
   * @param streams the stack with replications of DMS, if there are any
   */
  private setUpAccount(apis: readonly Stack[], streams: Stack | undefined): void {
    const { accountSettings, captureRoles = accountSettings, name } = this.definition;
    const makesRoles = captureRoles && streams !== undefined;
    const account = accountSettings || makesRoles ? this.stack('Account') : undefined;
    if (account && accountSettings) {
      new ApiLogging(account, 'ApiLogging');
      for (const stack of apis) stack.addStackDependency(account);
    } else {
      Annotations.of(apis[0]).addInfo(
        "accountSettings is false: API Gateway's role for logs must be set in this account and region already " +
          '(aws apigateway get-account --query cloudwatchRoleArn shows it). If there is none, say accountSettings: true ' +
          `in config/${name}.ts.`,
      );
    }
    if (account && makesRoles) {
      new CaptureRoles(account, 'CaptureRoles');
      streams.addStackDependency(account);
    } else if (streams) {
      Annotations.of(streams).addInfo(
        'captureRoles is false: dms-vpc-role and dms-cloudwatch-logs-role must be in this account already ' +
          `(aws iam get-role --role-name dms-vpc-role shows one). If they are not, say captureRoles: true in config/${name}.ts.`,
      );
    }
  }

  private stack(id: string, options: { stateful?: boolean } = {}): Stack {
    const { name, removal } = this.definition;
    return new EnvironmentStack(this, id, {
      stackName: `moraine-${name}-${id.toLowerCase()}`,
      description: `Moraine ${name}: ${id.toLowerCase()}`,
      terminationProtection: options.stateful && removal === 'retain',
    });
  }
}

/** A stack whose three availability zones are the region's first three, told at deployment: synth looks nothing up. */
class EnvironmentStack extends Stack {
  override get availabilityZones(): string[] {
    return [0, 1, 2].map((index) => Fn.select(index, Fn.getAzs()));
  }
}

function output(stack: Stack, id: string, value: string): void {
  new CfnOutput(stack, id, { value });
}
