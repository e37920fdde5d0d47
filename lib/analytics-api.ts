import { ApiKeySourceType } from 'aws-cdk-lib/aws-apigateway';
import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import { Construct } from 'constructs';
import { ApiClients } from './api-clients';
import type { Basis } from './basis';
import { grantItems } from './grants';
import { Handler } from './handler';
import { RestApi } from './rest-api';
import { TokenApi } from './token-api';
import { WebFirewall } from './web-firewall';

export interface AnalyticsApiProps extends Basis {
  readonly serving: ITable;
  readonly runs: ITable;
}

/**
 * The analytics API: `GET /health`, `GET /openapi.json`, and the endpoints that dbt's models declare, all answered by
 * `lambdas/serve-analytics`, which reads the serving table and the run records.
 *
 * Callers sign with IAM; with `api.clients`, they send their API key (`x-api-key`) as well. With `api.tokens` there is a
 * second address for callers with a token. One firewall stands before both.
 */
export class AnalyticsApi extends Construct {
  readonly url: string;
  /** The address for tokens; undefined without `api.tokens`. */
  readonly tokenUrl?: string;
  /** IDs of the API keys, by the client's name; how to read a key says `ApiClients`. */
  readonly keyIds: Readonly<Record<string, string>>;

  constructor(scope: Construct, id: string, props: AnalyticsApiProps) {
    super(scope, id);
    const { environment } = props;
    const { clients, tokens } = environment.api;
    const firewall = environment.api.firewall
      ? new WebFirewall(this, 'Firewall', { ...props, name: 'analytics' })
      : undefined;
    const api = new RestApi(this, 'Api', {
      ...props,
      name: 'analytics',
      description: `Moraine ${environment.name}: analytics API`,
      firewall,
      apiKeySource: clients.length > 0 ? ApiKeySourceType.HEADER : undefined,
    });
    const serve = new Handler(this, 'Serve', {
      ...props,
      name: 'serve-analytics',
      variables: { SERVING_TABLE: props.serving.tableName, RUNS_TABLE: props.runs.tableName },
      memorySize: 512,
    });
    grantItems(props.serving, serve, 'read');
    grantItems(props.runs, serve, 'read');
    api.answer(api.root.addResource('{proxy+}'), 'GET', serve);
    this.url = api.url;
    this.keyIds = new ApiClients(this, 'Clients', { environment, api }).keyIds;
    if (tokens) this.tokenUrl = new TokenApi(this, 'Tokens', { ...props, tokens, handler: serve, firewall }).url;
  }
}
