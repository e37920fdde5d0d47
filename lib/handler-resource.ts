import { CustomResource, Duration } from 'aws-cdk-lib';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Provider } from 'aws-cdk-lib/custom-resources';
import { Construct } from 'constructs';
import { acknowledgeResource } from './acknowledge';
import type { Basis } from './basis';
import type { Handler } from './handler';
import { Logs } from './logs';

export interface HandlerResourceProps extends Basis {
  /** Answers CloudFormation's Create, Update and Delete. */
  readonly handler: Handler;
  /** `Custom::<name>`. */
  readonly resourceType: string;
  /** What the handler gets as `ResourceProperties`. */
  readonly properties: Record<string, string>;
}

/**
 * A CloudFormation resource that a handler looks after: called again when a property, or the handler itself, changes.
 * When the handler does not answer within 15 minutes, the deployment fails then (CloudFormation itself would wait for
 * an hour).
 * @see https://docs.aws.amazon.com/cdk/api/v2/docs/aws-cdk-lib.custom_resources-readme.html
 */
export class HandlerResource extends Construct {
  /** The resource itself, for its attributes. */
  readonly resource: CustomResource;

  constructor(scope: Construct, id: string, props: HandlerResourceProps) {
    super(scope, id);
    const logGroup = new Logs(this, 'ProviderLogs', props);
    const role = new Role(this, 'ProviderRole', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
    logGroup.grantWrite(role);
    acknowledgeResource(role, `${props.handler.functionArn}:*`, 'Any version of one function.');
    const provider = new Provider(this, 'Provider', {
      onEventHandler: props.handler,
      frameworkOnEventRole: role,
      logGroup,
    });
    this.resource = new CustomResource(this, 'Resource', {
      resourceType: props.resourceType,
      serviceToken: provider.serviceToken,
      serviceTimeout: Duration.minutes(15),
      properties: { ...props.properties, HandlerHash: props.handler.codeHash },
    });
  }
}
