import type { KafkaSource } from '../lambdas/shared/kafka-source';

/** Where couriers are, a position every few seconds, as their devices put it on a Kafka topic. */
export const courierPositions: KafkaSource = {
  kind: 'kafka',
  name: 'courier_positions',
  topics: [{ topic: 'courier-positions', dataset: 'courier_positions', format: 'json' }],
};
