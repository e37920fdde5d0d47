import { Duration, Stack } from 'aws-cdk-lib';
import { CfnWorkGroup } from 'aws-cdk-lib/aws-athena';
import { Metric } from 'aws-cdk-lib/aws-cloudwatch';
import { CfnTable } from 'aws-cdk-lib/aws-glue';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import type { Basis } from './basis';
import type { Catalogue } from './catalogue';
import { LakeReader } from './lake-reader';
import { encodeView, lakeView, type LakeView } from './lake-view';

const GIB = 2 ** 30;

export interface LakeQueriesProps extends Basis {
  readonly catalogue: Catalogue;
  /** Where answers lie until they expire; encrypted with the environment's key. */
  readonly results: IBucket;
}

/**
 * SQL on the lake: the Athena workgroup `moraine-<environment>` (engine version 3), a view of each dataset in the Glue
 * database `<environment>_lake`, and the policy of those who may ask (`reader`).
 *
 * The workgroup's settings bind whoever queries in it: answers go to `results`, encrypted, and a query that has scanned
 * `lakeQueries.scanLimitGiB` is cancelled. An alarm goes off when all queries of a day have scanned
 * `lakeQueries.dailyScanGiB`. People's saved queries keep the workgroup from being deleted, unless `removal` is `destroy`.
 *
 * Views are CloudFormation's (decision 13): they hold no data. They follow a contract when this stack is deployed, which
 * is after its table.
 * @see https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-athena-workgroup.html
 * @see https://docs.aws.amazon.com/athena/latest/ug/workgroups-setting-control-limits-cloudwatch.html
 */
export class LakeQueries extends Construct {
  readonly workgroupName: string;
  /** What a role needs to query. */
  readonly reader: LakeReader;

  constructor(scope: Construct, id: string, props: LakeQueriesProps) {
    super(scope, id);
    this.workgroupName = this.workgroup(props);
    const views = new Construct(this, 'Views');
    for (const contract of props.platform.contracts) {
      const view = lakeView(props.environment.name, contract);
      new CfnTable(views, view.name, {
        catalogId: Stack.of(this).account,
        databaseName: view.database,
        tableInput: tableInput(view),
      });
    }
    this.watchScans(props);
    this.reader = new LakeReader(this, 'Reader', { ...props, workgroupName: this.workgroupName });
  }

  private workgroup({ environment, key, results }: LakeQueriesProps): string {
    const workgroup = new CfnWorkGroup(this, 'Workgroup', {
      name: `moraine-${environment.name}`,
      description: `SQL on the lake of ${environment.name}`,
      recursiveDeleteOption: environment.removal === 'destroy',
      workGroupConfiguration: {
        enforceWorkGroupConfiguration: true,
        publishCloudWatchMetricsEnabled: true,
        bytesScannedCutoffPerQuery: environment.lakeQueries.scanLimitGiB * GIB,
        engineVersion: { selectedEngineVersion: 'Athena engine version 3' },
        resultConfiguration: {
          outputLocation: `s3://${results.bucketName}/`,
          expectedBucketOwner: Stack.of(this).account,
          encryptionConfiguration: { encryptionOption: 'SSE_KMS', kmsKey: key.keyArn },
        },
      },
    });
    return workgroup.ref;
  }

  private watchScans({ alarms, environment }: LakeQueriesProps): void {
    const { dailyScanGiB } = environment.lakeQueries;
    alarms.watch(this, 'Scanned', {
      metric: new Metric({
        namespace: 'AWS/Athena',
        metricName: 'ProcessedBytes',
        dimensionsMap: { WorkGroup: this.workgroupName },
        statistic: 'Sum',
        period: Duration.days(1),
      }),
      threshold: dailyScanGiB * GIB,
      alarmDescription: `Queries of the lake scanned ${dailyScanGiB} GiB in a day.`,
      runbook: 'lake-scans',
    });
  }
}

/** A view as the Glue catalogue has it. @see https://docs.aws.amazon.com/glue/latest/webapi/API_TableInput.html */
function tableInput(view: LakeView): CfnTable.TableInputProperty {
  return {
    name: view.name,
    description: view.description,
    tableType: 'VIRTUAL_VIEW',
    parameters: { presto_view: 'true', comment: 'Presto View' },
    partitionKeys: [],
    viewOriginalText: encodeView(view),
    viewExpandedText: '/* Presto View */',
    storageDescriptor: {
      columns: view.columns.map(({ name, glueType, doc }) => ({ name, type: glueType, comment: comment(doc) })),
      serdeInfo: {},
    },
  };
}

/** Glue's comments have 255 characters. */
const comment = (text: string): string => (text.length > 255 ? `${text.slice(0, 254)}…` : text);
