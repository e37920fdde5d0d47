import { ArnFormat, Stack } from 'aws-cdk-lib';
import { Database } from 'aws-cdk-lib/aws-glue';
import { Grant, type IGrantable } from 'aws-cdk-lib/aws-iam';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import type { Environment } from '../config/environment';
import { databaseName } from '../lambdas/shared/platform';
import { acknowledgeResource } from './acknowledge';
import { removalPolicy } from './basis';
import { grantObjects } from './grants';

/** A Glue database of the environment, by what it holds. */
export type Layer = Parameters<typeof databaseName>[1];

const DESCRIPTIONS: Record<Layer, string> = {
  bronze: 'What each source told us, append-only.',
  silver: 'One row for each key, as it is now.',
  quarantine: 'Rows that broke a rule, with the reason, and how exports compared with silver.',
  staging: 'Tables of a merge while it runs; safe to empty when none does.',
  lake: 'A view of each dataset as it is now, for people who ask in SQL.',
};

/** What a grantee may do: read tables; write to those there are; create, change and drop them. */
export type CatalogueAccess = 'read' | 'write' | 'define';

const READ = ['glue:GetDatabase', 'glue:GetDatabases', 'glue:GetTable', 'glue:GetTables', 'glue:GetPartitions'];
const ACTIONS: Record<CatalogueAccess, string[]> = {
  read: READ,
  // An Iceberg commit is an update of the table's metadata location.
  write: [...READ, 'glue:UpdateTable'],
  define: [...READ, 'glue:UpdateTable', 'glue:CreateTable', 'glue:DeleteTable'],
};

export interface CatalogueProps {
  readonly environment: Environment;
  /** Holds the tables of database `d` below `d/`. */
  readonly lake: IBucket;
}

/**
 * The Glue databases of the environment, `<env>_bronze`, `<env>_silver`, `<env>_quarantine`, `<env>_staging` and
 * `<env>_lake`, each at home in the lake bucket. Their tables are made by the migration (`Tables`), never by
 * CloudFormation; those of `<env>_lake` are views, which hold no data (`LakeQueries`).
 * @see https://docs.aws.amazon.com/glue/latest/dg/glue-specifying-resource-arns.html
 */
export class Catalogue extends Construct {
  readonly lake: IBucket;
  private readonly environment: Environment;

  constructor(scope: Construct, id: string, props: CatalogueProps) {
    super(scope, id);
    this.lake = props.lake;
    this.environment = props.environment;
    for (const [layer, description] of Object.entries(DESCRIPTIONS) as [Layer, string][]) {
      const name = this.databaseName(layer);
      new Database(this, `${layer[0].toUpperCase()}${layer.slice(1)}`, {
        databaseName: name,
        description,
        locationUri: `s3://${props.lake.bucketName}/${name}/`,
        removalPolicy: removalPolicy(props.environment),
      });
    }
  }

  /** Name of a layer's database. */
  databaseName(layer: Layer): string {
    return databaseName(this.environment.name, layer);
  }

  /** ARNs of a layer's database and of its tables. */
  arnsOf(layer: Layer): string[] {
    const name = this.databaseName(layer);
    return [this.arn('database', name), this.arn('table', `${name}/*`)];
  }

  /** ARN of the account's Glue catalogue. */
  get catalogArn(): string {
    return this.arn('catalog');
  }

  /** Grants access to the tables of a layer: their entries in the catalogue and their objects in the lake. */
  grant(grantee: IGrantable, layer: Layer, access: CatalogueAccess): Grant {
    const name = this.databaseName(layer);
    grantObjects(this.lake, grantee, `${name}/`, access === 'read' ? 'read' : 'write');
    const tables = this.arn('table', `${name}/*`);
    acknowledgeResource(grantee, tables, `The contracts say which tables ${name} has.`);
    return Grant.addToPrincipal({
      grantee,
      actions: ACTIONS[access],
      resourceArns: [this.catalogArn, this.arn('database', name), tables],
    });
  }

  private arn(resource: string, resourceName?: string): string {
    return Stack.of(this).formatArn({
      service: 'glue',
      resource,
      resourceName,
      arnFormat: resourceName ? ArnFormat.SLASH_RESOURCE_NAME : ArnFormat.NO_RESOURCE_NAME,
    });
  }
}
