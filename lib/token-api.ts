import { Duration } from 'aws-cdk-lib';
import { ApiKeySourceType, TokenAuthorizer } from 'aws-cdk-lib/aws-apigateway';
import { Construct } from 'constructs';
import type { TokenSettings } from '../config/api';
import { ApiClients, tokenClientKey } from './api-clients';
import type { Basis } from './basis';
import { Handler } from './handler';
import { RestApi } from './rest-api';
import type { WebFirewall } from './web-firewall';

export interface TokenApiProps extends Basis {
  readonly tokens: TokenSettings;
  /** Answers every GET. */
  readonly handler: Handler;
  readonly firewall?: WebFirewall;
  /** For how long API Gateway remembers what a token may do, also past its expiry. @default Duration.minutes(5) */
  readonly cacheTtl?: Duration;
}

/**
 * A REST API for callers with a JSON Web Token (`Authorization: Bearer …`), which `lambdas/authorize-token` verifies: a
 * method has one kind of authorisation, and REST APIs have no authorizer for the tokens of any issuer, so this is an API
 * of its own, over the same handler. With `api.clients`, a token's client must be one of them, and its limits hold.
 *
 * The authorizer calls the issuer on the internet, so it is in no VPC. It refuses a token by an error (API Gateway's way
 * to a 401), so its errors ring no alarm; that it can't read the issuer's keys is a 500, and the API's alarm.
 * @see https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-use-lambda-authorizer.html
 */
export class TokenApi extends Construct {
  readonly url: string;

  constructor(scope: Construct, id: string, props: TokenApiProps) {
    super(scope, id);
    const { environment, tokens } = props;
    const keys = environment.api.clients.map(({ name }) => [name, tokenClientKey(environment, name)]);
    const authorize = new Handler(this, 'Authorize', {
      ...props,
      name: 'authorize-token',
      variables: {
        ISSUER: tokens.issuer,
        AUDIENCE: tokens.audience,
        JWKS_URI: tokens.jwksUri ?? `${tokens.issuer.replace(/\/$/, '')}/.well-known/jwks.json`,
        CLIENT_KEYS: JSON.stringify(Object.fromEntries(keys)),
        ...(tokens.usersScope && { SCOPE: tokens.usersScope }),
      },
      timeout: Duration.seconds(10),
      alarmOnErrors: false,
    });
    const api = new RestApi(this, 'Api', {
      ...props,
      name: 'analytics-tokens',
      description: `Moraine ${environment.name}: analytics API for tokens`,
      authorizer: new TokenAuthorizer(this, 'Authorizer', {
        handler: authorize,
        // What is no token at all gets its 401 without a call.
        validationRegex: '^[Bb]earer [-\\w]+\\.[-\\w]+\\.[-\\w]*$',
        resultsCacheTtl: props.cacheTtl ?? Duration.minutes(5),
      }),
      apiKeySource: keys.length > 0 ? ApiKeySourceType.AUTHORIZER : undefined,
    });
    api.answer(api.root.addResource('{proxy+}'), 'GET', props.handler);
    new ApiClients(this, 'Clients', { environment, api, keyValue: (name) => tokenClientKey(environment, name) });
    this.url = api.url;
  }
}
