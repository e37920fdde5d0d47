import { makeHandler, type Deps } from '../../../lambdas/find-brokers';

const ARN = 'arn:aws:kafka:eu-central-1:111122223333:cluster/shop/ab-1';
const event = { RequestType: 'Create', ResourceProperties: { ClusterArn: ARN } };

/** MSK, which knows the brokers of one cluster. */
const kafka = (brokers: Record<string, string>): Deps['kafka'] => ({
  send: (command: { input: { ClusterArn?: string } }) =>
    Promise.resolve(command.input.ClusterArn === ARN ? brokers : {}),
});

test('tells the brokers to which clients log in by IAM', async () => {
  const handler = makeHandler({
    kafka: kafka({ BootstrapBrokerStringSaslIam: 'b-1:9098', BootstrapBrokerString: 'b-1:9092' }),
  });
  expect(await handler(event)).toEqual({
    PhysicalResourceId: ARN,
    Data: { BootstrapServers: 'b-1:9098', Path: 'shop/ab-1' },
  });
});

test('a cluster without such brokers fails the deployment, and its deletion does not', async () => {
  const handler = makeHandler({ kafka: kafka({}) });
  await expect(handler(event)).rejects.toThrow(`${ARN} has no brokers for IAM`);
  expect(await handler({ ...event, RequestType: 'Delete', PhysicalResourceId: ARN })).toEqual({
    PhysicalResourceId: ARN,
  });
});
