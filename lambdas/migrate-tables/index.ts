import { GlueClient } from '@aws-sdk/client-glue';
import { S3Client } from '@aws-sdk/client-s3';
import { z } from 'zod';
import { answer, type CustomResourceAnswer } from '../shared/custom-resource';
import { log } from '../shared/log';
import { platform, type Platform } from '../shared/platform';
import { sleep, type Sleep } from '../shared/retry';
import { allTables } from '../shared/tables';
import { migrate, nameOf, readTable, refusal } from './execute';
import { plan } from './plan';

/** `TablesHash` is not read: it makes CloudFormation call when a declared table changes. */
const properties = z.object({ LakeBucket: z.string().min(1), Environment: z.string().min(1) });

export interface Deps {
  readonly platform: () => Platform;
  readonly glue: GlueClient;
  readonly s3: S3Client;
  readonly sleep: Sleep;
}

/**
 * Custom resource: brings every lake table to its contract. Deleting the resource deletes no table.
 * All tables are planned before the first is touched, so a refused contract changes nothing.
 * @throws Error naming each refused change and what to do.
 */
export const makeHandler =
  (deps: Deps) =>
  (event: unknown): Promise<CustomResourceAnswer> =>
    answer(event, properties, {
      physicalId: ({ Environment }) => `${Environment}-lake-tables`,
      apply: async ({ Environment, LakeBucket }) => {
        const lake = { ...deps, environment: Environment, bucket: LakeBucket };
        const tables = allTables(deps.platform().contracts);
        const refused = new Map<string, string[]>();
        for (const table of tables) {
          const planned = plan(table, await readTable(lake, table));
          for (const reason of planned.action === 'refuse' ? planned.reasons : []) {
            refused.set(reason, [...(refused.get(reason) ?? []), nameOf(lake, table)]);
          }
        }
        if (refused.size > 0) {
          throw new Error([...refused].map(([reason, names]) => refusal(names.join(', '), [reason])).join(' '));
        }
        const counts = { create: 0, change: 0, none: 0, refuse: 0 };
        for (const table of tables) {
          const done = await migrate(lake, table);
          counts[done.action] += 1;
          log('table migrated', {
            table: nameOf(lake, table),
            action: done.action,
            ...(done.action === 'change' && { steps: done.steps }),
            ...(done.action === 'none' && { reason: done.reason }),
          });
        }
        return { Created: `${counts.create}`, Changed: `${counts.change}`, Unchanged: `${counts.none}` };
      },
    });

export const handler = makeHandler({ platform, glue: new GlueClient(), s3: new S3Client(), sleep });
