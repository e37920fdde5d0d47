import { identifier, literal } from '../shared/statement';

/** What the warehouse needs to know of its surroundings. */
export interface Surroundings {
  /** Glue database with the silver tables. */
  readonly silverDatabase: string;
  /** Role with which Redshift reads the lake. */
  readonly spectrumRoleArn: string;
  /** IAM role that runs dbt. */
  readonly dbtRole: string;
  /** IAM role that publishes aggregates. */
  readonly publishRole: string;
}

/** The database user that an IAM role logs in as. */
export const roleUser = (role: string): string => `IAMR:${role}`;

/** One statement. `CREATE USER` knows no `IF NOT EXISTS`, so that the user exists already may be no failure. */
export interface Statement {
  readonly sql: string;
  readonly mayExist?: boolean;
}

/**
 * The statements that set the warehouse up, in order. Run again they change nothing.
 * dbt reads `silver` and owns what it builds in `staging` and `gold`; publishing reads `gold`, what there is and what
 * dbt will build.
 * @see https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_EXTERNAL_SCHEMA.html
 * @see https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_DEFAULT_PRIVILEGES.html
 */
export function statements(to: Surroundings): Statement[] {
  const dbt = identifier(roleUser(to.dbtRole));
  const publish = identifier(roleUser(to.publishRole));
  return [
    {
      sql: `create external schema if not exists silver from data catalog database ${literal(to.silverDatabase)} iam_role ${literal(to.spectrumRoleArn)}`,
    },
    { sql: 'create schema if not exists staging' },
    { sql: 'create schema if not exists gold' },
    ...[...new Set([dbt, publish])].map((user) => ({ sql: `create user ${user} password disable`, mayExist: true })),
    { sql: `grant usage on schema silver to ${dbt}` },
    { sql: `grant usage, create on schema staging to ${dbt}` },
    { sql: `grant usage, create on schema gold to ${dbt}` },
    { sql: `grant usage on schema gold to ${publish}` },
    { sql: `grant select on all tables in schema gold to ${publish}` },
    { sql: `alter default privileges for user ${dbt} in schema gold grant select on tables to ${publish}` },
  ];
}
