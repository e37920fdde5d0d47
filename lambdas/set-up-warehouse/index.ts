import { RedshiftDataClient } from '@aws-sdk/client-redshift-data';
import { z } from 'zod';
import { answer, type CustomResourceAnswer } from '../shared/custom-resource';
import { readEnv, text, type Variables } from '../shared/env';
import { log } from '../shared/log';
import type { Sleep } from '../shared/retry';
import { runStatement, warehouseOf } from '../shared/statement';
import { statements } from './statements';

const environment = {
  WORKGROUP: text,
  DATABASE: text,
  /** The administrator's secret. */
  SECRET_ARN: text,
  SPECTRUM_ROLE_ARN: text,
  SILVER_DATABASE: text,
  DBT_ROLE: text,
  PUBLISH_ROLE: text,
};

export interface Deps {
  readonly env: Variables;
  readonly redshift: RedshiftDataClient;
  readonly sleep?: Sleep;
}

/**
 * Custom resource: schemas, users and grants of the warehouse. Deleting the resource deletes nothing.
 * The statements run one by one: some of Redshift's external commands refuse to run in a transaction.
 * @throws Error with Redshift's message and the statement that failed.
 */
export const makeHandler =
  (deps: Deps) =>
  (event: unknown): Promise<CustomResourceAnswer> =>
    answer(event, z.object({}), {
      physicalId: () => `${readEnv(environment, deps.env).WORKGROUP}-set-up`,
      apply: async () => {
        const config = readEnv(environment, deps.env);
        const warehouse = warehouseOf(config, deps);
        const surroundings = {
          silverDatabase: config.SILVER_DATABASE,
          spectrumRoleArn: config.SPECTRUM_ROLE_ARN,
          dbtRole: config.DBT_ROLE,
          publishRole: config.PUBLISH_ROLE,
        };
        const planned = statements(surroundings);
        for (const { sql, mayExist } of planned) {
          const existed = await runStatement(warehouse, sql).then(
            () => false,
            (error: unknown) => {
              if (mayExist && /already exists/i.test(String(error))) return true;
              throw error;
            },
          );
          log('statement done', { sql, existed });
        }
        return { Statements: `${planned.length}` };
      },
    });

export const handler = makeHandler({ env: process.env, redshift: new RedshiftDataClient() });
