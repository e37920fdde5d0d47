import {
  CreateUsageLimitCommand,
  paginateListUsageLimits,
  UpdateUsageLimitCommand,
  type RedshiftServerlessClient,
  type UsageLimit as AwsUsageLimit,
} from '@aws-sdk/client-redshift-serverless';
import { z } from 'zod';

/** How much the warehouse may compute in a day, and what happens then. */
export const usageLimit = z.object({
  rpuHours: z.int().min(1),
  action: z.enum(['log', 'emit-metric', 'deactivate']),
});
export type UsageLimit = z.infer<typeof usageLimit>;

/**
 * Gives the workgroup its daily limit of compute, and takes the one it has for changed: a second is never made.
 * Limits of other periods are somebody else's and stay.
 * @see https://docs.aws.amazon.com/redshift-serverless/latest/APIReference/API_CreateUsageLimit.html
 */
export async function limitUsage(
  client: RedshiftServerlessClient,
  resourceArn: string,
  { rpuHours, action }: UsageLimit,
): Promise<void> {
  const wanted = { amount: rpuHours, breachAction: action };
  const existing = await dailyLimit(client, resourceArn);
  if (!existing) {
    await client.send(
      new CreateUsageLimitCommand({ resourceArn, usageType: 'serverless-compute', period: 'daily', ...wanted }),
    );
  } else if (existing.amount !== rpuHours || existing.breachAction !== action) {
    await client.send(new UpdateUsageLimitCommand({ usageLimitId: existing.usageLimitId, ...wanted }));
  }
}

async function dailyLimit(client: RedshiftServerlessClient, resourceArn: string): Promise<AwsUsageLimit | undefined> {
  const pages = paginateListUsageLimits({ client }, { resourceArn, usageType: 'serverless-compute' });
  for await (const { usageLimits } of pages) {
    const found = usageLimits?.find(({ period }) => period === 'daily');
    if (found) return found;
  }
  return undefined;
}
