import { Grant, type IGrantable } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import { watchTransform } from './capture-alarms';
import { LakeStream, type LakeStreamProps } from './lake-stream';

/** A stream into the lake on which records are put; `lambdas/transform-events` makes rows of them. */
export class EventStream extends LakeStream {
  constructor(scope: Construct, id: string, props: LakeStreamProps) {
    super(scope, id, props, {
      transform: 'transform-events',
      variables: { ENVIRONMENT: props.environment.name },
      errorsPrefix: 'firehose/',
    });
    // A hyphen: no source is called so.
    watchTransform(this, { alarms: props.alarms, source: 'event-collectors' }, this.transform.logGroup);
  }

  /** Lets `grantee` put records on the stream. */
  grantPut(grantee: IGrantable): Grant {
    return Grant.addToPrincipal({ grantee, actions: ['firehose:PutRecordBatch'], resourceArns: [this.streamArn] });
  }
}
