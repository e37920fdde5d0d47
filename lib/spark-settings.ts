import { WorkerType } from 'aws-cdk-lib/aws-glue';
import type { Environment } from '../config/environment';

/** What Glue's own Python lacks. */
export const PYTHON_MODULES = 'pydantic==2.14.3,pyyaml==6.0.3,fastavro==1.13.1';

export type WorkerName = NonNullable<Environment['spark']['microBatches']>['workerType'];
const WORKERS: Record<WorkerName, WorkerType> = {
  // A quarter of a DPU, for streaming jobs only.
  'G.025X': WorkerType.G_025X,
  'G.1X': WorkerType.G_1X,
  'G.2X': WorkerType.G_2X,
  'G.4X': WorkerType.G_4X,
  'G.8X': WorkerType.G_8X,
};

export const workers = (type: WorkerName, numberOfWorkers: number) => ({
  workerType: WORKERS[type],
  numberOfWorkers,
});

/**
 * Spark's settings as one `--conf` argument, the form in which Glue takes several. The local worker reads them there.
 * The catalogue `lake` is the Glue catalogue; what its tables hold lies in the lake bucket.
 * @see https://iceberg.apache.org/docs/1.10.0/aws/
 */
export function sparkConf(lakeBucket: string): string {
  const settings = {
    'spark.sql.extensions': 'org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions',
    'spark.sql.catalog.lake': 'org.apache.iceberg.spark.SparkCatalog',
    'spark.sql.catalog.lake.catalog-impl': 'org.apache.iceberg.aws.glue.GlueCatalog',
    'spark.sql.catalog.lake.io-impl': 'org.apache.iceberg.aws.s3.S3FileIO',
    'spark.sql.catalog.lake.warehouse': `s3://${lakeBucket}/`,
    'spark.sql.session.timeZone': 'UTC',
    // A merge has some twenty classes compiled; with Spark's own 100 those of the datasets take each other's place.
    'spark.sql.codegen.cache.maxEntries': '1000',
  };
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value}`)
    .join(' --conf ');
}
