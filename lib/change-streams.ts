import { Construct } from 'constructs';
import { watchTransform } from './capture-alarms';
import type { ChangeCapture, SourceCapture } from './change-capture';
import { LakeStream, type LakeStreamProps } from './lake-stream';

export interface ChangeStreamsProps extends LakeStreamProps {
  readonly capture: ChangeCapture;
}

/**
 * The way of captured changes from their Kinesis streams into the lake: for each source a Firehose stream, whose records
 * `lambdas/transform-changes` makes rows of; what it can't deliver goes to `changes/<source>/` of the errors bucket.
 * Firehose reads a stream from the moment it is created, so this is also where replications are started, after it, and
 * stopped, before it goes.
 * @see https://docs.aws.amazon.com/firehose/latest/dev/writing-with-kinesis-streams.html
 */
export class ChangeStreams extends Construct {
  /** Each capture with the prefix of the errors bucket below which lies what could not be delivered of it. */
  readonly captured: { readonly capture: SourceCapture; readonly errorsPrefix: string }[] = [];

  constructor(scope: Construct, id: string, props: ChangeStreamsProps) {
    super(scope, id);
    const { environment, capture } = props;
    for (const one of capture.captures) {
      const { name } = one.source;
      const reader = new LakeStream(this, name, props, {
        transform: 'transform-changes',
        variables: { ENVIRONMENT: environment.name, SOURCE: name },
        errorsPrefix: `changes/${name}/`,
        source: one.stream,
      });
      this.captured.push({ capture: one, errorsPrefix: reader.errorsPrefix });
      watchTransform(reader, { alarms: props.alarms, source: name }, reader.transform.logGroup);
      const run = one.run(reader, 'Run', capture.control);
      run.node.addDependency(...reader.node.children.filter((child) => child !== run));
    }
  }
}
