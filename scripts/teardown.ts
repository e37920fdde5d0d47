import { CloudFormationClient, paginateListStackResources } from '@aws-sdk/client-cloudformation';
import { S3Client } from '@aws-sdk/client-s3';
import { environment as environmentOf } from '../config';
import { SetupError } from '../local/toolchain';
import { emptyBucket } from './empty-bucket';
import { bin, command, run } from './process';

/**
 * `npm run teardown -- -c env=dev --delete-data`: deletes an environment whose `removal` is `destroy`, and all its data.
 * Stacks that write go first, then what lies in the buckets, then the buckets. It may be run again where it ended.
 */

const STATEFUL_LAST = 'Foundation';

function environmentOfArguments(args: readonly string[]): string {
  const name = args.find((arg) => arg.startsWith('env='))?.slice('env='.length);
  const { removal } = orSetupError(() => environmentOf(name));
  if (removal !== 'destroy') {
    throw new SetupError(
      `config/${name}.ts: removal is "${removal}": only an environment with "destroy" is deleted with its data. See docs/guides/teardown.md.`,
    );
  }
  if (!args.includes('--delete-data')) {
    throw new SetupError(
      `This deletes all data of ${name}, for good. If that is meant: npm run teardown -- -c env=${name} --delete-data`,
    );
  }
  return String(name);
}

function orSetupError<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new SetupError((error as Error).message);
  }
}

async function cdk(...args: string[]): Promise<string> {
  const { code, output } = await run(process.execPath, [bin('aws-cdk/bin/cdk'), ...args]);
  if (code !== 0) throw new SetupError(`cdk ${args[0]} failed: see above. Mend the cause and run the command again.`);
  return output;
}

async function bucketsOf(stackName: string): Promise<string[]> {
  const buckets: string[] = [];
  const pages = paginateListStackResources({ client: new CloudFormationClient() }, { StackName: stackName });
  for await (const { StackResourceSummaries } of pages) {
    for (const { ResourceType, ResourceStatus, PhysicalResourceId } of StackResourceSummaries ?? []) {
      const there = ResourceType === 'AWS::S3::Bucket' && ResourceStatus !== 'DELETE_COMPLETE';
      if (there && PhysicalResourceId) buckets.push(PhysicalResourceId);
    }
  }
  return buckets;
}

command(async () => {
  const name = environmentOfArguments(process.argv.slice(2));
  const context = ['-c', `env=${name}`];
  const stacks = (await cdk('list', ...context)).split('\n').filter((line) => line.startsWith(`moraine-${name}/`));
  const ids = stacks.map((line) => line.split(' ')[0]);
  await cdk('destroy', '--force', ...context, ...ids.filter((id) => !id.endsWith(`/${STATEFUL_LAST}`)));
  const s3 = new S3Client();
  for (const bucket of await bucketsOf(`moraine-${name}-${STATEFUL_LAST.toLowerCase()}`)) {
    console.log(`${bucket}: ${await emptyBucket(s3, bucket)} versions deleted`);
  }
  await cdk('destroy', '--force', ...context, ...ids.filter((id) => id.endsWith(`/${STATEFUL_LAST}`)));
});
