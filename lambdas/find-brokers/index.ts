import { GetBootstrapBrokersCommand, KafkaClient } from '@aws-sdk/client-kafka';
import { z } from 'zod';
import { answer, type CustomResourceAnswer } from '../shared/custom-resource';

const properties = z.object({ ClusterArn: z.string() });

export interface Deps {
  readonly kafka: Pick<KafkaClient, 'send'>;
}

/**
 * Custom resource: what CloudFormation does not tell of an MSK cluster: the addresses of its brokers
 * (`BootstrapServers`, for clients that log in by IAM), and `Path`, its name and number in ARNs.
 * @see https://docs.aws.amazon.com/msk/1.0/apireference/clusters-clusterarn-bootstrap-brokers.html
 * @throws Error when the cluster has none.
 */
export const makeHandler =
  (deps: Deps) =>
  (event: unknown): Promise<CustomResourceAnswer> =>
    answer(event, properties, {
      physicalId: ({ ClusterArn }) => ClusterArn,
      apply: async ({ ClusterArn }) => {
        const { BootstrapBrokerStringSaslIam: servers } = await deps.kafka.send(
          new GetBootstrapBrokersCommand({ ClusterArn }),
        );
        if (!servers) {
          throw new Error(`${ClusterArn} has no brokers for IAM: a cluster that is ACTIVE has; deploy again then`);
        }
        return { BootstrapServers: servers, Path: ClusterArn.split(':cluster/')[1] };
      },
    });

export const handler = makeHandler({ kafka: new KafkaClient({}) });
