import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import { Construct } from 'constructs';
import type { Basis } from './basis';
import { grantItems } from './grants';
import { Handler } from './handler';
import { RestApi } from './rest-api';

export interface AnalyticsApiProps extends Basis {
  readonly serving: ITable;
  readonly runs: ITable;
}

/**
 * The analytics API: `GET /health`, `GET /openapi.json`, and the endpoints that dbt's models declare, all answered by
 * `lambdas/serve-analytics`, which reads the serving table and the run records.
 */
export class AnalyticsApi extends Construct {
  readonly url: string;

  constructor(scope: Construct, id: string, props: AnalyticsApiProps) {
    super(scope, id);
    const api = new RestApi(this, 'Api', { ...props, description: `Moraine ${props.environment.name}: analytics API` });
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
  }
}
