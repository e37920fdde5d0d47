import { environment } from '../../config';
import { selectSql } from '../../lambdas/publish-aggregates/rows';
import { readDeclarations } from '../../lib/declarations';
import { sources } from '../../sources';

// The statement by which each declared endpoint is published, as JSON by path: test_publish.py runs them on gold.
const { endpoints } = readDeclarations({ environment: environment('local'), sources });
console.log(JSON.stringify(Object.fromEntries(endpoints.map((endpoint) => [endpoint.path, selectSql(endpoint)]))));
