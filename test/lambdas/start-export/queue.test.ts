import { RDSClient, type ExportTask } from '@aws-sdk/client-rds';
import { makeHandler } from '../../../lambdas/start-export';
import { awsError, fake, platform } from '../fakes';
import { fakeDynamo } from '../fake-dynamo';

beforeEach(() => jest.spyOn(console, 'log').mockImplementation(() => undefined));

const KEY = 'arn:aws:kms:eu-central-1:111122223333:key/1';

function setUp(tasks: ExportTask[], refuse?: () => Error | undefined) {
  const rds = fake(new RDSClient({ region: 'eu-central-1' }), {
    DescribeDBSnapshots: () => ({
      DBSnapshots: [
        {
          DBSnapshotArn: 'arn:aws:rds:eu-central-1:111122223333:snapshot:rds:shop-1',
          DBInstanceIdentifier: 'shop',
          SnapshotCreateTime: new Date(0),
          Status: 'available',
          KmsKeyId: KEY,
        },
      ],
    }),
    DescribeExportTasks: () => ({ ExportTasks: tasks }),
    StartExportTask: () => {
      const error = refuse?.();
      if (error) throw error;
      return { Status: 'STARTING' };
    },
  });
  const dynamo = fakeDynamo();
  const run = () =>
    makeHandler({
      env: {
        LANDING_BUCKET: 'landing',
        EXPORT_PREFIX: 'exports/',
        EXPORT_ROLE_ARN: 'role',
        EXPORT_KEY_ARN: 'key',
        RUNS_TABLE: 'runs',
        DATABASES: '{"operations":{"instance":"shop"}}',
        SNAPSHOT_TYPE: 'any',
      },
      platform,
      rds,
      runs: dynamo.client,
      now: () => new Date(0),
    })({ source: 'operations' });
  return { run, dynamo, starts: () => rds.sent.filter(({ name }) => name === 'StartExportTask').length };
}

it('is queued while the account has as many exports under way as RDS allows, and starts when there is room', async () => {
  let full = true;
  const { run, dynamo } = setUp([], () =>
    full
      ? awsError('ExportTaskLimitReachedFault', 'You have reached the limit of 5 concurrent export tasks')
      : undefined,
  );
  const queued = await run();
  expect(queued).toMatchObject({
    status: 'queued',
    waitsFor: 'You have reached the limit of 5 concurrent export tasks',
  });
  expect(dynamo.all()).toEqual([expect.objectContaining({ status: 'queued' })]);
  full = false;
  await expect(run()).resolves.toMatchObject({ status: 'running', exportId: queued.exportId });
  expect(dynamo.all()).toEqual([expect.objectContaining({ status: 'running' })]);
});

it.each(['STARTING', 'IN_PROGRESS', 'CANCELING'])(
  "is queued while another team's export of the same snapshot is %s",
  async (Status) => {
    const { run, starts } = setUp([{ ExportTaskIdentifier: 'theirs', Status }]);
    await expect(run()).resolves.toMatchObject({
      status: 'queued',
      waitsFor: 'export theirs of the same snapshot',
    });
    expect(starts()).toBe(0);
  },
);

it.each(['COMPLETE', 'FAILED', 'CANCELED'])("starts when another team's export is %s", async (Status) => {
  const { run } = setUp([{ ExportTaskIdentifier: 'theirs', Status }]);
  await expect(run()).resolves.toMatchObject({ status: 'running' });
});

it('says which key the snapshot has when RDS may not use it', async () => {
  const { run } = setUp([], () => awsError('KMSKeyNotAccessibleFault', 'The key is not accessible.'));
  await expect(run()).rejects.toThrow(
    `The key is not accessible. Snapshot rds:shop-1 is encrypted with ${KEY}: if that is a customer-managed key, set it as snapshotKeyArn`,
  );
});

it('fails with any other error of RDS', async () => {
  const { run } = setUp([], () => awsError('IamRoleMissingPermissions'));
  await expect(run()).rejects.toThrow('IamRoleMissingPermissions');
});
