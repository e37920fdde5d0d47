import {
  AccessLogField,
  AccessLogFormat,
  AuthorizationType,
  EndpointType,
  LambdaIntegration,
  LogGroupLogDestination,
  MethodLoggingLevel,
  RestApi as ApiGatewayRestApi,
  type ApiKeySourceType,
  type IAuthorizer,
  type IResource,
  type JsonSchema,
  type RequestValidator,
} from 'aws-cdk-lib/aws-apigateway';
import type { Construct } from 'constructs';
import { acknowledge } from './acknowledge';
import type { Basis } from './basis';
import type { Handler } from './handler';
import { Logs } from './logs';
import type { WebFirewall } from './web-firewall';

export interface RestApiProps extends Basis {
  /** What it is, in a word or two with hyphens: part of its name, by which metrics tell APIs apart. */
  readonly name: string;
  readonly description: string;
  /** @default - none, which only `api.firewall: false` asks for */
  readonly firewall?: WebFirewall;
  /** Says who may call. @default - IAM */
  readonly authorizer?: IAuthorizer;
  /**
   * Where the API key stands that every method asks for, beside IAM or the authorizer; it says whose limits hold
   * (`ApiClients`). @default - no key is asked for
   * @see https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-api-key-source.html
   */
  readonly apiKeySource?: ApiKeySourceType;
}

/** What a method asks of its callers. */
export interface AnswerOptions {
  /** What a JSON body looks like; bodies of other types are not looked at. @default - anything */
  readonly body?: JsonSchema;
  /** Why API Gateway lets everybody call it: the handler itself says who may. @default - it lets nobody unknown call it */
  readonly open?: string;
}

/**
 * Who called what, when, and how it ended. `client` is known when a token named it, `userArn` when IAM did, `apiKeyId`
 * when a key was asked for. No query, no header, no key: they may hold secrets.
 * @see https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-variables-for-access-logging.html
 */
const ACCESS_LOG = AccessLogFormat.custom(
  JSON.stringify({
    requestId: AccessLogField.contextRequestId(),
    extendedRequestId: AccessLogField.contextExtendedRequestId(),
    requestTime: AccessLogField.contextRequestTime(),
    ip: AccessLogField.contextIdentitySourceIp(),
    client: AccessLogField.contextAuthorizer('client'),
    principal: AccessLogField.contextAuthorizerPrincipalId(),
    userArn: AccessLogField.contextIdentityUserArn(),
    apiKeyId: AccessLogField.contextIdentityApiKeyId(),
    httpMethod: AccessLogField.contextHttpMethod(),
    path: AccessLogField.contextPath(),
    protocol: AccessLogField.contextProtocol(),
    status: AccessLogField.contextStatus(),
    error: AccessLogField.contextErrorResponseType(),
    waf: AccessLogField.contextWafResponseCode(),
    responseLength: AccessLogField.contextResponseLength(),
    latency: AccessLogField.contextResponseLatency(),
    integrationLatency: AccessLogField.contextIntegrationLatency(),
    authorizerLatency: AccessLogField.contextAuthorizerLatency(),
  }),
);

/**
 * A regional REST API: every method is authorised by IAM or by an authorizer, unless it says why not, calls are limited to `api.rateLimit` a
 * second (with `api.burstLimit` on top), logged and traced, requests are validated, a firewall stands before it. An
 * alarm tells of answers with a 5xx status.
 * @see https://docs.aws.amazon.com/apigateway/latest/developerguide/permissions.html
 */
export class RestApi extends ApiGatewayRestApi {
  private readonly validator: RequestValidator;

  constructor(scope: Construct, id: string, props: RestApiProps) {
    const { api } = props.environment;
    super(scope, id, {
      restApiName: `moraine-${props.environment.name}-${props.name}`,
      description: props.description,
      endpointTypes: [EndpointType.REGIONAL],
      // The account's role for logs is set once, by ApiLogging.
      cloudWatchRole: false,
      apiKeySourceType: props.apiKeySource,
      defaultMethodOptions: {
        ...(props.authorizer ? { authorizer: props.authorizer } : { authorizationType: AuthorizationType.IAM }),
        ...(props.apiKeySource && { apiKeyRequired: true }),
      },
      deployOptions: {
        stageName: props.environment.name,
        accessLogDestination: new LogGroupLogDestination(new Logs(scope, `${id}AccessLogs`, props)),
        accessLogFormat: ACCESS_LOG,
        loggingLevel: MethodLoggingLevel.ERROR,
        metricsEnabled: true,
        tracingEnabled: true,
        throttlingRateLimit: api.rateLimit,
        throttlingBurstLimit: api.burstLimit,
      },
    });
    // API Gateway writes errors to a log group of this name, and makes it where there is none: unencrypted, and for ever.
    const logGroupName = `API-Gateway-Execution-Logs_${this.restApiId}/${props.environment.name}`;
    this.deploymentStage.node.addDependency(new Logs(scope, `${id}ExecutionLogs`, { ...props, logGroupName }));
    this.validator = this.addRequestValidator('Validator', {
      validateRequestBody: true,
      validateRequestParameters: true,
    });
    props.alarms.watch(this, 'ServerErrors', {
      metric: this.metricServerError(),
      alarmDescription: `${props.description} answered with a 5xx status; the handler's log says why.`,
      runbook: 'api-5xx',
    });
    props.firewall?.protect(this.deploymentStage);
    acknowledge(this, {
      ...(!props.firewall && {
        'AwsSolutions-APIG3':
          'api.firewall is false for this environment: callers are known by IAM or a token, and no firewall is paid for.',
      }),
      'AwsSolutions-COG4': props.authorizer
        ? 'A Lambda authorizer verifies the tokens: their issuer need not be Cognito.'
        : 'Methods are authorised by IAM: callers are programs of the company, which have roles.',
    });
  }

  /** Lets a handler answer a method of a resource, in Lambda proxy form. */
  answer(resource: IResource, method: string, handler: Handler, { body, open }: AnswerOptions = {}): void {
    const added = resource.addMethod(method, new LambdaIntegration(handler, { allowTestInvoke: false }), {
      requestValidator: this.validator,
      ...(open !== undefined && { authorizationType: AuthorizationType.NONE }),
      ...(body && {
        requestModels: {
          'application/json': this.addModel(`${resource.node.id}Body`, {
            contentType: 'application/json',
            schema: body,
          }),
        },
      }),
    });
    if (open !== undefined) acknowledge(added, { 'AwsSolutions-APIG4': open, 'AwsSolutions-COG4': open });
  }
}
