import { CustomResource, Duration } from 'aws-cdk-lib';
import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import { Policy, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { CfnStateMachine, LogLevel } from 'aws-cdk-lib/aws-stepfunctions';
import { Provider } from 'aws-cdk-lib/custom-resources';
import { Construct, type IConstruct } from 'constructs';
import { acknowledge, acknowledgeResource } from './acknowledge';
import type { Basis } from './basis';
import { grantItems } from './grants';
import { Handler } from './handler';
import { Logs } from './logs';

export interface ReplicationControlProps extends Basis {
  /** Keeps what has to be known from one event to the next. */
  readonly runs: ITable;
}

/** A replication to control, and at which place of a deployment. */
export interface ControlledReplication {
  readonly step: 'before' | 'after' | 'run';
  /** `ReplicationConfigIdentifier`. */
  readonly identifier: string;
  readonly engine: string;
  /** Hash of all that its configuration says. */
  readonly settings: string;
  /** Seconds after which what it wrote has been read. @default 0 */
  readonly drainSeconds?: number;
}

/**
 * The custom resources that start, stop and resume replications of DMS Serverless (`lambdas/control-replication`), and
 * the provider that they share: it asks the handler again every 5 seconds until all is done, for 50 minutes at most.
 * CloudFormation creates a replication's configuration but starts nothing, and changes and deletes only what stands still.
 * @see https://docs.aws.amazon.com/dms/latest/userguide/CHAP_Serverless.Components.html#CHAP_Serverless.modify
 */
export class ReplicationControl extends Construct {
  private readonly handler: Handler;
  private readonly serviceToken: string;

  constructor(scope: Construct, id: string, props: ReplicationControlProps) {
    super(scope, id);
    const { key, runs } = props;
    this.handler = new Handler(this, 'Handler', {
      ...props,
      name: 'control-replication',
      variables: { RUNS_TABLE: runs.tableName },
      timeout: Duration.minutes(1),
    });
    grantItems(runs, this.handler, 'write');
    this.handler.addToRolePolicy(
      new PolicyStatement({
        actions: ['dms:DescribeReplicationConfigs', 'dms:DescribeReplications'],
        resources: ['*'],
      }),
    );
    const logGroup = new Logs(this, 'ProviderLogs', props);
    const role = (name: string) => {
      const made = new Role(this, name, { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
      logGroup.grantWrite(made);
      key.grant(made, 'kms:Decrypt', 'kms:GenerateDataKey');
      acknowledgeResource(made, `${this.handler.functionArn}:*`, 'Any version of one function.');
      return made;
    };
    const provider = new Provider(this, 'Provider', {
      onEventHandler: this.handler,
      isCompleteHandler: this.handler,
      queryInterval: Duration.seconds(5),
      totalTimeout: Duration.minutes(50),
      frameworkOnEventRole: role('OnEventRole'),
      frameworkCompleteAndTimeoutRole: role('CompleteRole'),
      logGroup,
      disableWaiterStateMachineLogging: false,
      waiterStateMachineLogOptions: { destination: new Logs(this, 'WaiterLogs', props), level: LogLevel.ERROR },
    });
    this.serviceToken = provider.serviceToken;
    this.secureWaiter(provider, props);
  }

  /** The resource of one replication at one place. */
  resource(scope: Construct, id: string, of: ControlledReplication): CustomResource {
    return new CustomResource(scope, id, {
      resourceType: 'Custom::Replication',
      serviceToken: this.serviceToken,
      serviceTimeout: Duration.minutes(55),
      properties: {
        Step: of.step,
        Identifier: of.identifier,
        Engine: of.engine,
        SettingsHash: of.settings,
        DrainSeconds: `${of.drainSeconds ?? 0}`,
      },
    });
  }

  /**
   * Lets the handler start and stop one replication. A policy of its own, not the role's: that one has to be there before
   * the configuration is, and this one names it.
   */
  grantControl(scope: Construct, id: string, configArn: string): Policy {
    return new Policy(scope, id, {
      roles: [this.handler.role],
      statements: [
        new PolicyStatement({ actions: ['dms:StartReplication', 'dms:StopReplication'], resources: [configArn] }),
      ],
    });
  }

  /** The provider's state machine takes no key from CDK. */
  private secureWaiter(provider: Provider, { key }: Basis): void {
    const waiter = provider.node.findChild('waiter-state-machine');
    const machine = child(waiter, 'Resource', CfnStateMachine);
    machine.encryptionConfiguration = {
      type: 'CUSTOMER_MANAGED_KMS_KEY',
      kmsKeyId: key.keyId,
      kmsDataKeyReusePeriodSeconds: 300,
    };
    const role = child(waiter, 'Role', Role);
    key.grant(role, 'kms:Decrypt', 'kms:GenerateDataKey');
    for (const id of ['framework-isComplete', 'framework-onTimeout']) {
      const { functionArn } = child(provider, id, LambdaFunction);
      acknowledgeResource(role, `${functionArn}:*`, 'Any version of one function.');
    }
    acknowledge(waiter, {
      'AwsSolutions-SF1': 'It asks one function until it says done: its errors are logged, each question is not.',
      'AwsSolutions-SF2': 'It asks one function until it says done; that function is traced.',
      'AwsSolutions-IAM5[Resource::*]': 'The delivery of logs takes no resources.',
    });
  }
}

/** A part of a construct that is not ours. @throws Error when a new version of the CDK has it no longer. */
function child<T extends IConstruct>(of: IConstruct, id: string, type: abstract new (...given: never[]) => T): T {
  const found = of.node.findChild(id);
  if (found instanceof type) return found;
  throw new Error(`${found.node.path} is no ${type.name} any more: see lib/replication-control.ts`);
}
