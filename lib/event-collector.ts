import { Duration } from 'aws-cdk-lib';
import { JsonSchemaType, type IResource } from 'aws-cdk-lib/aws-apigateway';
import { Construct } from 'constructs';
import { isKeyed, type CollectorSource } from '../lambdas/shared/collector-source';
import type { Basis } from './basis';
import type { EventStream } from './event-stream';
import { Handler } from './handler';
import { RestApi } from './rest-api';
import { WebFirewall } from './web-firewall';
import type { WriteKeys } from './write-keys';

export interface EventCollectorProps extends Basis {
  readonly collectors: readonly CollectorSource[];
  readonly stream: Pick<EventStream, 'streamName' | 'grantPut'>;
  /** Of collectors whose senders have a write key. */
  readonly keys: WriteKeys;
}

/**
 * The HTTP way in for events: `POST /events/<dataset>` for each collector source, with up to 500 events, to
 * `lambdas/collect-events`, which puts them on the stream. Callers are known by IAM, or have a write key, which the
 * handler looks at; limits on calls and the firewall hold for both. Batches may be larger than the firewall's rules take
 * otherwise.
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
    const signed = props.collectors.filter((one) => !isKeyed(one));
    for (const { dataset } of signed) {
      const collect = this.collect(`Collect-${dataset}`, props, { DATASET: dataset });
      const type = [JsonSchemaType.OBJECT, JsonSchemaType.ARRAY];
      api.answer(events.addResource(dataset), 'POST', collect, { body: { type } });
    }
    if (signed.length < props.collectors.length) this.openToKeys(api, events.addResource('{dataset}'), props);
    this.url = api.url;
  }

  /** One resource for all: a dataset that there is not must answer as a wrong key does. */
  private openToKeys(api: RestApi, resource: IResource, props: EventCollectorProps): void {
    const collect = this.collect('CollectByKey', props);
    props.keys.grantRead(collect);
    api.answer(resource, 'POST', collect, {
      open: 'Browsers cannot sign with IAM: lambdas/collect-events lets in whoever has a write key of the dataset.',
    });
    api.answer(resource, 'OPTIONS', collect, {
      open: 'A preflight carries no credentials: it is answered alike for every dataset, and writes nothing.',
    });
  }

  private collect(id: string, props: EventCollectorProps, variables: Record<string, string> = {}): Handler {
    const collect = new Handler(this, id, {
      ...props,
      name: 'collect-events',
      variables: { STREAM_NAME: props.stream.streamName, ...variables },
      timeout: Duration.seconds(25),
    });
    props.stream.grantPut(collect);
    return collect;
  }
}
