import {
  AccessLogFormat,
  AuthorizationType,
  EndpointType,
  LambdaIntegration,
  LogGroupLogDestination,
  MethodLoggingLevel,
  RestApi as ApiGatewayRestApi,
  type IResource,
  type JsonSchema,
  type RequestValidator,
} from 'aws-cdk-lib/aws-apigateway';
import type { Construct } from 'constructs';
import { acknowledge } from './acknowledge';
import type { Basis } from './basis';
import type { Handler } from './handler';
import { Logs } from './logs';

export interface RestApiProps extends Basis {
  readonly description: string;
}

/**
 * A regional REST API: every method is authorised by IAM, calls are limited to `api.rateLimit` a second (with
 * `api.burstLimit` on top), logged and traced, requests are validated. An alarm tells of answers with a 5xx status.
 * @see https://docs.aws.amazon.com/apigateway/latest/developerguide/permissions.html
 */
export class RestApi extends ApiGatewayRestApi {
  private readonly validator: RequestValidator;

  constructor(scope: Construct, id: string, props: RestApiProps) {
    const { api } = props.environment;
    super(scope, id, {
      description: props.description,
      endpointTypes: [EndpointType.REGIONAL],
      // The account's role for logs is set once, by ApiLogging.
      cloudWatchRole: false,
      defaultMethodOptions: { authorizationType: AuthorizationType.IAM },
      deployOptions: {
        stageName: props.environment.name,
        accessLogDestination: new LogGroupLogDestination(new Logs(scope, `${id}AccessLogs`, props)),
        accessLogFormat: AccessLogFormat.jsonWithStandardFields(),
        loggingLevel: MethodLoggingLevel.ERROR,
        metricsEnabled: true,
        tracingEnabled: true,
        throttlingRateLimit: api.rateLimit,
        throttlingBurstLimit: api.burstLimit,
      },
    });
    this.validator = this.addRequestValidator('Validator', {
      validateRequestBody: true,
      validateRequestParameters: true,
    });
    props.alarms.watch(this, 'ServerErrors', {
      metric: this.metricServerError(),
      alarmDescription: `${props.description} answered with a 5xx status; the handler's log says why.`,
    });
    acknowledge(this, {
      'AwsSolutions-APIG3': 'Callers are known by IAM; a firewall for open doors comes with the first open door.',
      'AwsSolutions-COG4': 'Methods are authorised by IAM: callers are programs of the company, which have roles.',
    });
  }

  /** Lets a handler answer a method of a resource, in Lambda proxy form. */
  answer(resource: IResource, method: string, handler: Handler, body?: JsonSchema): void {
    resource.addMethod(method, new LambdaIntegration(handler, { allowTestInvoke: false }), {
      requestValidator: this.validator,
      ...(body && {
        requestModels: {
          'application/json': this.addModel(`${resource.node.id}Body`, {
            contentType: 'application/json',
            schema: body,
          }),
        },
      }),
    });
  }
}
