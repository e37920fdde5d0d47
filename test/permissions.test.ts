import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { FirehoseClient, ListDeliveryStreamsCommand, PutRecordCommand } from '@aws-sdk/client-firehose';
import { AwsClient } from 'aws4fetch';
import { credentials, REGION, tell } from '../local/parts';
import { runPipeline } from '../local/pipeline';
import { ROOT } from '../local/toolchain';
import { freePort, scratchFolder, startRun, type Run } from './local-run';

/**
 * A local run enforces the policies of every role. With all of them the run is green (here and in end-to-end.test.ts);
 * here permissions are taken from deployed roles, and each time the line that a user sees names the role, the action and
 * the resource.
 */

let state: string;
let endpoint: string;
let run: Run | undefined;
let iam: AwsClient;

beforeAll(async () => {
  state = scratchFolder();
  const port = freePort();
  endpoint = `http://127.0.0.1:${port + 1}`;
  iam = new AwsClient({ ...credentials, region: REGION, service: 'iam' });
  // What is refused is refused again, with no long wait.
  const env = { SFN_WAIT_SCALE: '0.02' };
  run = startRun(['--orders', '500', '--changes', '0', '--port', `${port}`, '--state', state], ROOT, env);
  await run.until(/Ctrl-C stops all/);
}, 400_000);

afterAll(async () => {
  await run?.interrupt();
  rmSync(state, { recursive: true, force: true });
}, 60_000);

/** IAM's answer, in XML. */
async function ask(Action: string, more: Record<string, string> = {}): Promise<string> {
  const body = new URLSearchParams({ Action, Version: '2010-05-08', ...more }).toString();
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  const answer = await iam.fetch(endpoint, { method: 'POST', body, headers });
  const text = await answer.text();
  if (!answer.ok) throw new Error(text);
  return text;
}

const between = (xml: string, tag: string): string[] =>
  [...xml.matchAll(new RegExp(`<${tag}>([^<]*)</${tag}>`, 'g'))].map(([, text]) => text);

interface Policy {
  readonly Statement: { readonly Action: string | string[] }[];
}

/** Takes an action from the deployed role whose name contains `part`; what it gives puts it back. */
async function without(part: string, action: string): Promise<() => Promise<unknown>> {
  const named = between(await ask('ListRoles', { MaxItems: '1000' }), 'RoleName').filter((name) => name.includes(part));
  expect(named).toHaveLength(1);
  const [RoleName] = named;
  const [PolicyName] = between(await ask('ListRolePolicies', { RoleName }), 'member');
  const [found] = between(await ask('GetRolePolicy', { RoleName, PolicyName }), 'PolicyDocument');
  const whole = decodeURIComponent(found).replaceAll('&quot;', '"');
  const { Statement, ...rest } = JSON.parse(whole) as Policy;
  const left = Statement.map((one) => ({ ...one, Action: [one.Action].flat().filter((each) => each !== action) }));
  expect(left.flatMap(({ Action }) => Action).length).toBeLessThan(
    Statement.flatMap(({ Action }) => [Action].flat()).length,
  );
  const put = (PolicyDocument: string) => ask('PutRolePolicy', { RoleName, PolicyName, PolicyDocument });
  await put(JSON.stringify({ ...rest, Statement: left.filter(({ Action }) => Action.length > 0) }));
  return () => put(whole);
}

/** The pipeline's lines, and how it ended. */
async function pipeline(): Promise<string[]> {
  const outputs = JSON.parse(readFileSync(join(state, 'outputs.json'), 'utf8')) as Record<string, object>;
  const { PipelineArn } = Object.assign({}, ...Object.values(outputs)) as { PipelineArn: string };
  const lines: string[] = [];
  await runPipeline(endpoint, PipelineArn, (line) => lines.push(line)).catch((error: unknown) =>
    lines.push((error as Error).message),
  );
  return lines;
}

/** The first of the lines that says that this role may not do that, on a resource. */
const refusal = (lines: readonly string[], role: string, action: string): string | undefined =>
  lines.find((line) =>
    new RegExp(`${role}\\S* is not authorized to perform: ${action} on resource: \\S*arn:`).test(line),
  );

/** Runs the pipeline while each role lacks its action. Restores them. */
async function refused(removed: readonly (readonly [role: string, action: string])[]): Promise<void> {
  const restore = [];
  for (const [role, action] of removed) restore.push(await without(role, action));
  const lines = await pipeline();
  for (const back of restore) await back();
  const silent = removed.filter(([role, action]) => refusal(lines, role, action) === undefined);
  expect({ silent, lines: silent.length > 0 ? lines : [] }).toEqual({ silent: [], lines: [] });
  expect(lines.at(-1)).toMatch(/^The pipeline ended as FAILED: SourcesFailed /);
}

test('handlers and Spark jobs do what their policies allow, and nothing else', async () => {
  await refused([
    ['SnapshotExportStartRole', 'rds:DescribeDBSnapshots'],
    ['RestExtractExtractRole', 'secretsmanager:GetSecretValue'],
    ['SparkJobsMergeRole', 'glue:GetTable'],
  ]);
}, 100_000);

test('the pipeline itself calls what its role allows only, and a job records only what its role allows', async () => {
  await refused([
    ['PipelineStateMachine', 'lambda:InvokeFunction'],
    ['SparkJobsMergeRole', 'dynamodb:PutItem'],
  ]);
}, 100_000);

test('Firehose delivers in the name of its role, and says why it does not', async () => {
  const restore = await without('EventStreamRole', 's3:PutObject');
  const firehose = new FirehoseClient({ endpoint, region: REGION, credentials });
  const { DeliveryStreamNames } = await firehose.send(new ListDeliveryStreamsCommand({}));
  // No event of any source: it is delivered all the same, to quarantine or to the errors.
  const Record = { Data: Buffer.from('{}') };
  const DeliveryStreamName = DeliveryStreamNames?.find((name) => name.includes('EventStream'));
  await firehose.send(new PutRecordCommand({ DeliveryStreamName, Record }));
  const flushed = tell(endpoint, 'flush');
  await expect(flushed).rejects.toThrow(/EventStreamRole\S* is not authorized to perform: s3:PutObject/);
  await restore();
  await tell(endpoint, 'flush');
}, 60_000);

test('with all permissions back, the run is green', async () => {
  expect((await pipeline()).at(-1)).toBe('aggregates published');
}, 100_000);
