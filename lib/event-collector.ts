import { JsonSchemaType } from 'aws-cdk-lib/aws-apigateway';
import { Duration } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import type { CollectorSource } from '../lambdas/shared/source';
import type { Basis } from './basis';
import type { EventStream } from './event-stream';
import { Handler } from './handler';
import { RestApi } from './rest-api';
import { WebFirewall } from './web-firewall';

export interface EventCollectorProps extends Basis {
  readonly collectors: readonly CollectorSource[];
  readonly stream: EventStream;
}

/**
 * The HTTP way in for events: `POST /events/<dataset>` for each collector source, with one event (an object) or several
 * (an array), to `lambdas/collect-events`, which puts them on the stream. Batches may be larger than the firewall's rules
 * take otherwise.
 */
export class EventCollector extends Construct {
  readonly url: string;

  constructor(scope: Construct, id: string, props: EventCollectorProps) {
    super(scope, id);
    const api = new RestApi(this, 'Api', {
      ...props,
      name: 'collector',
      description: `Moraine ${props.environment.name}: event collector`,
      firewall: props.environment.api.firewall
        ? new WebFirewall(this, 'Firewall', { ...props, name: 'collector', largeBodies: true })
        : undefined,
    });
    const events = api.root.addResource('events');
    for (const { dataset } of props.collectors) {
      const collect = new Handler(this, `Collect-${dataset}`, {
        ...props,
        name: 'collect-events',
        variables: { STREAM_NAME: props.stream.streamName, DATASET: dataset },
        timeout: Duration.seconds(25),
      });
      props.stream.grantPut(collect);
      api.answer(events.addResource(dataset), 'POST', collect, {
        type: [JsonSchemaType.OBJECT, JsonSchemaType.ARRAY],
      });
    }
    this.url = api.url;
  }
}
