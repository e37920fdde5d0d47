import { Duration, Stack } from 'aws-cdk-lib';
import { Grant, type IGrantable } from 'aws-cdk-lib/aws-iam';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { REPLAYED, replayFunctionName, replayJobName } from '../lambdas/shared/replay';
import type { CollectorSource } from '../lambdas/shared/source';
import { acknowledgeResource } from './acknowledge';
import type { Basis } from './basis';
import type { ChangeStreams } from './change-streams';
import type { EventStream } from './event-stream';
import { grantObjects } from './grants';
import { Handler } from './handler';

/** Where the records of a source went wrong, and how they come back. */
export interface ReplayWay {
  readonly source: string;
  /** Prefix of the errors bucket below which they lie. */
  readonly prefix: string;
  readonly kind: 'kinesis' | 'firehose';
  /** Name of the stream on which they are put. */
  readonly stream: string;
  readonly grantPut: (grantee: IGrantable) => unknown;
}

/** The ways of captured changes, which come back through their Kinesis streams. */
export const changeWays = ({ captured }: ChangeStreams): ReplayWay[] =>
  captured.map(({ capture, errorsPrefix }) => ({
    source: capture.source.name,
    prefix: errorsPrefix,
    kind: 'kinesis',
    stream: capture.stream.streamName,
    grantPut: (grantee) => capture.grantPut(grantee),
  }));

/** The ways of events: all collectors share a stream, so to replay one of them is to replay all. */
export const eventWays = (stream: EventStream, collectors: readonly CollectorSource[]): ReplayWay[] =>
  collectors.map(({ name }) => ({
    source: name,
    prefix: stream.errorsPrefix,
    kind: 'firehose',
    stream: stream.streamName,
    grantPut: (grantee) => stream.grantPut(grantee),
  }));

export interface ReplayProps extends Basis {
  readonly errors: IBucket;
  readonly ways: readonly ReplayWay[];
}

/**
 * `lambdas/replay-records`, which `npm run ops -- replay` calls: it puts on their streams again what Firehose could not
 * deliver, and moves it below `replayed/` of the errors bucket; before, it lets the Glue job `replay_rows` gather what lies
 * in quarantine. Its name is made of the environment's, so that whoever
 * calls it needs `lambda:InvokeFunction` on it and nothing else. One object takes minutes at most; a call may take 15.
 */
export class Replay extends Construct {
  readonly functionName: string;

  constructor(scope: Construct, id: string, props: ReplayProps) {
    super(scope, id);
    const { environment, errors, ways } = props;
    const declared = ways.map(({ source, prefix, kind, stream }) => [source, { prefix, kind, stream }] as const);
    const replay = new Handler(this, 'Records', {
      ...props,
      name: 'replay-records',
      functionName: replayFunctionName(environment.name),
      variables: {
        ERRORS_BUCKET: errors.bucketName,
        JOB: replayJobName(environment.name),
        WAYS: Stack.of(this).toJsonString(Object.fromEntries(declared)),
      },
      timeout: Duration.minutes(15),
      memorySize: 512,
    });
    for (const prefix of new Set(ways.map((way) => way.prefix))) grantObjects(errors, replay, prefix, 'write');
    const replayed = errors.arnForObjects(`${REPLAYED}*`);
    acknowledgeResource(replay, replayed, 'Objects keep the keys that Firehose gave them.');
    Grant.addToPrincipal({ grantee: replay, actions: ['s3:PutObject'], resourceArns: [replayed] });
    // By its name: the job's stack is deployed after this one.
    const job = Stack.of(this).formatArn({
      service: 'glue',
      resource: 'job',
      resourceName: replayJobName(environment.name),
    });
    Grant.addToPrincipal({ grantee: replay, actions: ['glue:StartJobRun', 'glue:GetJobRun'], resourceArns: [job] });
    for (const each of new Map(ways.map((way) => [way.stream, way])).values()) each.grantPut(replay);
    this.functionName = replay.functionName;
  }
}
