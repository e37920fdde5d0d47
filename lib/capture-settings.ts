import type { CfnEndpoint, CfnEndpointProps, CfnReplicationConfig } from 'aws-cdk-lib/aws-dms';
import type { CaptureSettings } from '../lambdas/shared/database';
import { isExported, type CapturedSource } from '../lambdas/shared/source';

/** Who may read the secret and write to the stream, and by which key the endpoints are encrypted. */
export interface EndpointNeeds {
  readonly source: CapturedSource;
  readonly settings: CaptureSettings;
  readonly roleArn: string;
  readonly keyArn: string;
  readonly streamArn: string;
}

/**
 * The database as DMS's source, by its secret and by TLS only.
 *
 * - PostgreSQL: a heartbeat, or the slot of a quiet database would keep its log for ever; changes of tables by DMS's own
 *   trigger. Neither in a read replica, which cannot be written to. The plug-in is PostgreSQL's own: nothing to install.
 *   DMS makes the slot and drops it with the replication.
 * - MySQL: the binary log, read again each second when it was quiet.
 * - SQL Server: MS-CDC, from the log itself.
 * @see https://docs.aws.amazon.com/dms/latest/userguide/CHAP_Source.PostgreSQL.html#CHAP_Source.PostgreSQL.ConnectionAttrib
 * @see https://docs.aws.amazon.com/dms/latest/userguide/CHAP_Source.MySQL.html#CHAP_Source.MySQL.ConnectionAttrib
 * @see https://docs.aws.amazon.com/dms/latest/userguide/CHAP_Source.SQLServer.html#CHAP_Source.SQLServer.ConnectionAttrib
 * @see https://docs.aws.amazon.com/dms/latest/userguide/CHAP_Security.SSL.html
 */
export function sourceEndpoint(needs: EndpointNeeds): CfnEndpointProps {
  const { source, settings } = needs;
  const secret = { secretsManagerSecretId: settings.secretArn, secretsManagerAccessRoleArn: needs.roleArn };
  const common = {
    endpointType: 'source',
    engineName: source.engine,
    kmsKeyId: needs.keyArn,
    sslMode: settings.certificateArn ? 'verify-full' : 'require',
    certificateArn: settings.certificateArn,
  };
  switch (source.engine) {
    case 'postgres': {
      const writes = !settings.readReplica;
      const postgreSqlSettings: CfnEndpoint.PostgreSqlSettingsProperty = {
        ...secret,
        pluginName: 'test_decoding',
        captureDdls: writes && settings.captureDdls,
        heartbeatEnable: writes,
        ...(writes && { heartbeatFrequency: 5, heartbeatSchema: source.schema, ddlArtifactsSchema: source.schema }),
      };
      return { ...common, databaseName: source.database, postgreSqlSettings };
    }
    case 'mysql':
      return { ...common, mySqlSettings: { ...secret, eventsPollInterval: 1 } };
    case 'sqlserver':
      return {
        ...common,
        databaseName: source.database,
        microsoftSqlServerSettings: { ...secret, tlogAccessMode: 'PreferTlog' },
      };
  }
}

/**
 * The stream as DMS's target. A record tells its transaction, its place in it and every column, NULL or not: without
 * `includeNullAndEmpty` a NULL would look like a column that the change does not carry.
 * DMS would write whole numbers as doubles; the attribute, which CloudFormation does not know yet, keeps 18 digits.
 * @see https://docs.aws.amazon.com/dms/latest/userguide/CHAP_Target.Kinesis.html
 * @see https://docs.aws.amazon.com/dms/latest/APIReference/API_KinesisSettings.html
 */
export function targetEndpoint({ streamArn, roleArn, keyArn }: EndpointNeeds): CfnEndpointProps {
  return {
    endpointType: 'target',
    engineName: 'kinesis',
    kmsKeyId: keyArn,
    extraConnectionAttributes: 'useLargeIntegerValue=true;',
    kinesisSettings: {
      streamArn,
      serviceAccessRoleArn: roleArn,
      messageFormat: 'json-unformatted',
      includeTransactionDetails: true,
      includeNullAndEmpty: true,
      includeTableAlterOperations: true,
      partitionIncludeSchemaTable: true,
    },
  };
}

/**
 * The tables of the source's datasets, each by its name (`explicit`: no `_` that stands for any letter). Records are
 * spread over the stream's shards by their keys, where they have one (`keyless` have none); the merge needs no order.
 * @see https://docs.aws.amazon.com/dms/latest/userguide/CHAP_Tasks.CustomizingTasks.TableMapping.SelectionTransformation.Selections.html
 */
export function tableMappings({ schema, datasets }: CapturedSource, keyless: readonly string[]) {
  const locate = (table: string) => ({ 'schema-name': schema, 'table-name': table });
  const selections = datasets.map((dataset, index) => ({
    'rule-type': 'selection',
    'rule-id': `${index + 1}`,
    'rule-name': dataset,
    'rule-action': 'explicit',
    'object-locator': locate(dataset),
  }));
  const partitions = datasets.map((dataset, index) => ({
    'rule-type': 'object-mapping',
    'rule-id': `${datasets.length + index + 1}`,
    'rule-name': `${dataset}-partition`,
    'rule-action': 'map-record-to-record',
    'object-locator': locate(dataset),
    'mapping-parameters': { 'partition-key-type': keyless.includes(dataset) ? 'schema-table' : 'primary-key' },
  }));
  return { rules: [...selections, ...partitions] };
}

/**
 * Settings of the replication. What DMS cannot read or write ends it, and an alarm goes off: its own defaults would
 * log the row and go on without it. LOBs are cut at 1 MB, which is what a record may have: one that is longer ends it.
 * @see https://docs.aws.amazon.com/dms/latest/userguide/CHAP_Tasks.CustomizingTasks.TaskSettings.html
 * @param keyless whether a table has no key: its rows are known by all of their columns, so before-images have these
 */
export const replicationSettings = (keyless: boolean) => ({
  TargetMetadata: {
    SupportLobs: true,
    FullLobMode: false,
    LimitedSizeLobMode: true,
    LobMaxSize: 1024,
    ParallelLoadThreads: 8,
    ParallelApplyThreads: 8,
  },
  FullLoadSettings: { TargetTablePrepMode: 'DO_NOTHING' },
  BeforeImageSettings: {
    EnableBeforeImage: true,
    FieldName: 'before-image',
    ColumnFilter: keyless ? 'all' : 'pk-only',
  },
  Logging: { EnableLogging: true },
  ErrorBehavior: {
    DataErrorPolicy: 'STOP_TASK',
    DataTruncationErrorPolicy: 'STOP_TASK',
    TableErrorPolicy: 'STOP_TASK',
  },
});

/** Of PostgreSQL the export loads the tables; of others DMS does. */
export const replicationType = (source: CapturedSource): 'cdc' | 'full-load-and-cdc' =>
  isExported(source) ? 'cdc' : 'full-load-and-cdc';

/** The capacity of a replication, and where it lives. */
export const computeConfig = (
  settings: CaptureSettings,
  place: Pick<
    CfnReplicationConfig.ComputeConfigProperty,
    'kmsKeyId' | 'replicationSubnetGroupId' | 'vpcSecurityGroupIds'
  >,
): CfnReplicationConfig.ComputeConfigProperty => ({
  minCapacityUnits: settings.minCapacityUnits,
  maxCapacityUnits: settings.maxCapacityUnits,
  multiAz: settings.multiAz,
  ...place,
});
