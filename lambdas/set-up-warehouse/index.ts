import { RedshiftDataClient } from '@aws-sdk/client-redshift-data';
import { GetNamespaceCommand, RedshiftServerlessClient } from '@aws-sdk/client-redshift-serverless';
import { z } from 'zod';
import { answer, type CustomResourceAnswer } from '../shared/custom-resource';
import { json, readEnv, text, type Variables } from '../shared/env';
import { log } from '../shared/log';
import type { Sleep } from '../shared/retry';
import { runStatement, warehouseOf } from '../shared/statement';
import { statements } from './statements';
import { limitUsage, usageLimit } from './usage-limit';

const environment = {
  WORKGROUP: text,
  WORKGROUP_ARN: text,
  NAMESPACE: text,
  DATABASE: text,
  USAGE_LIMIT: json(usageLimit),
  SPECTRUM_ROLE_ARN: text,
  SILVER_DATABASE: text,
  DBT_ROLE: text,
  PUBLISH_ROLE: text,
};

export interface Deps {
  readonly env: Variables;
  readonly redshift: RedshiftDataClient;
  readonly serverless: RedshiftServerlessClient;
  readonly sleep?: Sleep;
}

/**
 * Custom resource: usage limit, schemas, users and grants of the warehouse. Deleting the resource deletes nothing.
 * The limit comes first: a workgroup that has reached the old one takes no statements until it has the new one.
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
        await limitUsage(deps.serverless, config.WORKGROUP_ARN, config.USAGE_LIMIT);
        const SECRET_ARN = await adminSecret(deps.serverless, config.NAMESPACE);
        const warehouse = warehouseOf({ ...config, SECRET_ARN }, deps);
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

/** The secret in which Redshift keeps the administrator's password. */
async function adminSecret(serverless: RedshiftServerlessClient, namespaceName: string): Promise<string> {
  const { namespace } = await serverless.send(new GetNamespaceCommand({ namespaceName }));
  if (namespace?.adminPasswordSecretArn) return namespace.adminPasswordSecretArn;
  throw new Error(
    `Namespace ${namespaceName} has no adminPasswordSecretArn: its administrator's password is not managed by Redshift (manageAdminPassword in lib/warehouse.ts).`,
  );
}

export const handler = makeHandler({
  env: process.env,
  redshift: new RedshiftDataClient(),
  serverless: new RedshiftServerlessClient(),
});
