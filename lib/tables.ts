import { createHash } from 'node:crypto';
import { Duration } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { allTables } from '../lambdas/shared/tables';
import type { Basis } from './basis';
import type { Catalogue } from './catalogue';
import { Handler } from './handler';
import { HandlerResource } from './handler-resource';

export interface TablesProps extends Basis {
  readonly catalogue: Catalogue;
}

/**
 * The Iceberg tables of bronze, silver and quarantine, made and changed by `lambdas/migrate-tables` whenever a contract
 * changes. Deleting it deletes no table. Whatever expects the tables to exist depends on this construct.
 * @see https://docs.aws.amazon.com/glue/latest/dg/populate-otf.html
 */
export class Tables extends Construct {
  constructor(scope: Construct, id: string, props: TablesProps) {
    super(scope, id);
    const migrate = new Handler(this, 'Migrate', { ...props, name: 'migrate-tables', timeout: Duration.minutes(10) });
    for (const layer of ['bronze', 'silver', 'quarantine'] as const) {
      props.catalogue.grant(migrate, layer, 'define');
    }
    const migration = new HandlerResource(this, 'Migration', {
      ...props,
      handler: migrate,
      resourceType: 'Custom::IcebergTables',
      properties: {
        LakeBucket: props.catalogue.lake.bucketName,
        Environment: props.environment.name,
        TablesHash: hash(allTables(props.platform.contracts)),
      },
    });
    migration.node.addDependency(props.catalogue);
  }
}

function hash(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 32);
}
