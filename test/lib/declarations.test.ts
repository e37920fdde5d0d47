import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { environment as environmentOf } from '../../config';
import { parseEnvironment, type Environment } from '../../config/environment';
import type { RestResource, RestSource } from '../../lambdas/shared/rest-source';
import { isCaptured, type Source } from '../../lambdas/shared/source';
import { readDeclarations } from '../../lib/declarations';
import { sources } from '../../sources';

const shop: Source = {
  kind: 'database',
  name: 'shop',
  engine: 'postgres',
  database: 'shop',
  schema: 'public',
  datasets: ['carts'],
};
const CONTRACT = `
kind: DataContract
id: carts
version: 1.0.0
schema:
  - name: carts
    properties:
      - { name: cart_id, physicalType: bigint, primaryKey: true }
      - name: state
        physicalType: varchar(20)
        quality: [{ metric: invalidValues, arguments: { validValues: [full, empty] } }]
`;
const MODEL = `
models:
  - name: carts_by_state
    config:
      meta:
        endpoint:
          path: /analytics/carts
          summary: Carts of a state
          parameters: [{ name: state, column: state, required: true, values_from: carts.state }]
          order: [state desc]
    columns:
      - { name: state, data_type: varchar(20), description: State of the carts. }
      - { name: carts, data_type: bigint }
`;

/** What is changed in a REST source that is right, and in its environment. */
type Change = { apis?: Environment['apis']; resource?: Partial<RestResource> } & Partial<RestSource>;

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'moraine-declarations-'));
  mkdirSync(join(root, 'contracts'));
  mkdirSync(join(root, 'dbt', 'models', 'marts'), { recursive: true });
  write('contracts/carts.odcs.yaml', CONTRACT);
  write('dbt/models/marts/carts_by_state.yml', MODEL);
});
afterEach(() => {
  rmSync(root, { recursive: true });
});

const write = (path: string, text: string) => {
  writeFileSync(join(root, path), text);
};
const environment = (databases: Environment['databases'] = { shop: { instance: 'shop-1' } }) => ({
  ...environmentOf('dev'),
  kafka: {},
  databases,
  apis: {},
});
const read = (more: Partial<Parameters<typeof readDeclarations>[0]> = {}) =>
  readDeclarations({ environment: environment(), sources: [shop], root, ...more });

test("the repo's own declarations fit together in every environment", () => {
  for (const name of ['local', 'dev', 'staging', 'prod']) {
    const platform = readDeclarations({ environment: environmentOf(name), sources });
    expect(platform.environment).toBe(name);
    expect(platform.contracts.length).toBeGreaterThan(0);
  }
});

test('an endpoint has the columns of its model, and the values that a contract allows', () => {
  expect(read().endpoints).toEqual([
    {
      path: '/analytics/carts',
      summary: 'Carts of a state',
      model: 'carts_by_state',
      parameters: [{ name: 'state', column: 'state', required: true, values: ['full', 'empty'] }],
      columns: [
        { name: 'state', type: 'varchar(20)', description: 'State of the carts.' },
        { name: 'carts', type: 'bigint', description: '' },
      ],
      order: ['state desc'],
    },
  ]);
});

describe('one line says what is wrong and what to do', () => {
  const at = 'dbt/models/marts/carts_by_state.yml: model carts_by_state: endpoint';

  test.each<{ name: string; change: () => unknown; message: string }>([
    {
      name: 'a contract that is no YAML',
      change: () => {
        write('contracts/carts.odcs.yaml', 'kind: [DataContract');
      },
      message: 'contracts/carts.odcs.yaml: Flow sequence in block collection must be',
    },
    {
      name: 'a second contract of one dataset',
      change: () => {
        write('contracts/baskets.odcs.yaml', CONTRACT);
      },
      message:
        'contracts/carts.odcs.yaml: dataset is "carts", as in contracts/baskets.odcs.yaml; each contract has its own',
    },
    {
      name: 'an endpoint without a summary',
      change: () => {
        write('dbt/models/marts/carts_by_state.yml', MODEL.replace('summary: Carts of a state', ''));
      },
      message: `${at}: summary: Invalid input: expected string, received undefined`,
    },
    {
      name: 'a parameter on no column',
      change: () => {
        write('dbt/models/marts/carts_by_state.yml', MODEL.replace('column: state', 'column: colour'));
      },
      message: `${at}: parameter state: column colour is no column: there are state, carts`,
    },
    {
      name: 'an order by no column',
      change: () => {
        write('dbt/models/marts/carts_by_state.yml', MODEL.replace('[state desc]', '[colour]'));
      },
      message: `${at}: order colour is no column: there are state, carts`,
    },
    {
      name: 'values from an unknown dataset',
      change: () => {
        write('dbt/models/marts/carts_by_state.yml', MODEL.replace('carts.state', 'goods.state'));
      },
      message: `${at}: parameter state: values_from: goods.state: no contract of that name: there are carts`,
    },
    {
      name: 'values from a column that allows any',
      change: () => {
        write('dbt/models/marts/carts_by_state.yml', MODEL.replace('carts.state', 'carts.cart_id'));
      },
      message: `${at}: parameter state: values_from: carts.cart_id: contracts/carts.odcs.yaml gives this column no invalidValues rule with validValues`,
    },
    {
      name: 'two endpoints of one path',
      change: () => {
        write('dbt/models/marts/other.yml', MODEL.replace('carts_by_state', 'other'));
      },
      message: `dbt/models/marts/other.yml: model other: endpoint: path /analytics/carts is taken by ${at}; give it another`,
    },
    {
      name: 'an answer without types',
      change: () => {
        write('dbt/models/marts/carts_by_state.yml', MODEL.replace(', data_type: bigint', ''));
      },
      message: `${at}: column carts has no data_type; give it one`,
    },
  ])('$name', ({ change, message }) => {
    change();
    expect(() => read()).toThrow(message);
  });

  test.each<[string, Source]>([
    ['kind is collector', { kind: 'collector', name: 'shop', dataset: 'carts' }],
    ['engine is "mysql"', { ...shop, engine: 'mysql', schema: 'shop', capture: {} }],
  ])('a contract without a key, where %s', (of, source) => {
    write('contracts/carts.odcs.yaml', CONTRACT.replace(', primaryKey: true', ''));
    expect(read().contracts[0].key).toEqual(['_row_hash', '_row_copy']);
    const capture = {
      secretArn: 'arn:aws:secretsmanager:eu-central-1:111122223333:secret:shop-AbCdEf',
      certificateArn: 'arn:aws:dms:eu-central-1:111122223333:cert:RDS',
    };
    const { databases } = parseEnvironment('config/dev.ts', {
      ...environmentOf('dev'),
      databases: source.kind === 'database' ? { shop: { instance: 'shop-1', capture } } : {},
    });
    expect(() => read({ sources: [source], environment: environment(databases) })).toThrow(
      'contracts/carts.odcs.yaml: no column has primaryKey: true; mark the column(s) that identify a row: only tables of ' +
        `PostgreSQL may have no key, for of source shop (${of}) a row that comes twice looks like two equal rows`,
    );
  });

  test('a source that names an unknown dataset', () => {
    const wrong = { ...shop, datasets: ['goods'] };
    expect(() => read({ sources: [wrong] })).toThrow(
      'sources/shop.ts: dataset "goods" has no contract: there are carts. Write contracts/goods.odcs.yaml or correct the name.',
    );
  });

  test('a contract that no source brings', () => {
    expect(() => read({ sources: [{ ...shop, datasets: [] }] })).toThrow(
      'contracts/carts.odcs.yaml: no source brings dataset "carts": name it in one of sources/, or remove the contract',
    );
  });

  test('a database source without an instance', () => {
    expect(() => read({ environment: environment({}) })).toThrow(
      'config/dev.ts: databases has no shop: name the RDS instance or the Aurora cluster behind sources/shop.ts',
    );
  });

  test('an environment that leaves out the capture of a source captures nothing of it', () => {
    const { sources } = read({
      sources: [{ ...shop, capture: {} }],
      environment: { ...environment(), withoutCapture: ['shop'] },
    });
    expect(sources.filter(isCaptured)).toEqual([]);
  });

  test('an environment that leaves out what nobody captures', () => {
    expect(() => read({ environment: { ...environment(), withoutCapture: ['shop'] } })).toThrow(
      'config/dev.ts: withoutCapture has "shop": allowed are sources with capture whose tables come by export too ' +
        '(there is none). Remove it.',
    );
  });

  test.each(['mysql', 'sqlserver'] as const)(
    'an environment that leaves out the only way of a source: %s',
    (engine) => {
      const sources = [{ ...shop, engine, capture: {} }];
      expect(() => read({ sources, environment: { ...environment(), withoutCapture: ['shop'] } })).toThrow(
        `config/dev.ts: withoutCapture has "shop", whose tables come by capture only (engine is "${engine}"): allowed are ` +
          'sources with capture whose tables come by export too (there is none). Remove it.',
      );
    },
  );

  const secretArn = 'arn:aws:secretsmanager:eu-central-1:111122223333:secret:shop';
  const certificateArn = 'arn:aws:dms:eu-central-1:111122223333:cert:RDS';
  const captured = { ...shop, capture: {} };
  const mysql = { ...captured, engine: 'mysql', schema: 'shop' } as const;
  test.each<[string, object, object | undefined, string]>([
    [
      'an engine that nothing reads',
      { ...shop, engine: 'oracle' },
      undefined,
      'sources/shop.ts: engine is "oracle": allowed are "postgres", "mysql", "sqlserver"',
    ],
    [
      'an engine whose exports the load does not know',
      { ...shop, engine: 'mysql' },
      undefined,
      'sources/shop.ts: capture is missing: no snapshot of engine "mysql" can be loaded, so DMS loads its tables; add capture: {}',
    ],
    [
      'a capture without a secret',
      captured,
      undefined,
      'config/dev.ts: databases.shop.capture is missing: name the secret by which DMS logs in',
    ],
    [
      'a secret without a capture',
      shop,
      { secretArn },
      'config/dev.ts: databases.shop.capture belongs to no capture: add capture: {} to sources/shop.ts, or remove it',
    ],
    [
      "Firehose's own source",
      { ...shop, capture: { via: 'firehose' } },
      { secretArn },
      'sources/shop.ts: capture.via is "firehose": allowed is "dms". Firehose\'s own database source is a preview',
    ],
    [
      "Firehose's own source of an engine that it does not know",
      { ...mysql, engine: 'sqlserver', capture: { via: 'firehose' } },
      { secretArn },
      'sources/shop.ts: capture.via is "firehose": allowed is "dms"',
    ],
    [
      'no way at all',
      { ...shop, capture: { via: 'debezium' } },
      { secretArn },
      'sources/shop.ts: capture.via is "debezium": allowed is "dms"; leave it out',
    ],
    ...[0, 10_000, 1.5, -1].map((epoch): [string, object, object, string] => [
      `epoch ${epoch}`,
      { ...shop, capture: { epoch } },
      { secretArn },
      `sources/shop.ts: capture.epoch is ${epoch}: allowed are whole numbers from 1 to 9999, one more after each restore`,
    ]),
    [
      'MySQL in clear text',
      mysql,
      { secretArn },
      'config/dev.ts: databases.shop.capture.certificateArn is missing: DMS encrypts connections to MySQL only when',
    ],
    [
      'a schema of MySQL',
      { ...mysql, schema: 'sales' },
      { secretArn, certificateArn },
      'sources/shop.ts: schema is "sales": MySQL has no schemas within a database; allowed is the database, "shop"',
    ],
    [
      'a replica of SQL Server',
      { ...captured, engine: 'sqlserver' },
      { secretArn, readReplica: true },
      'config/dev.ts: databases.shop.capture.readReplica is true: allowed is false for "sqlserver"',
    ],
    [
      'a schema that DMS would take for a pattern',
      { ...captured, engine: 'sqlserver', schema: 'sales%' },
      { secretArn },
      'sources/shop.ts: schema is "sales%": allowed are names with letters, digits, $ and _',
    ],
  ])('%s', (_, source, capture, message) => {
    const { databases } = parseEnvironment('config/dev.ts', {
      ...environmentOf('dev'),
      kafka: {},
      databases: { shop: { instance: 'shop-1', capture } },
    });
    const change = () => read({ sources: [source as Source], environment: environment(databases) });
    expect(change).toThrow(message);
    expect(change).toThrow(/^[^\n]*$/);
  });

  test.each([shop, captured, mysql, { ...captured, engine: 'sqlserver' as const }])('%j is right', (source) => {
    const capture = 'capture' in source ? { secretArn, certificateArn } : undefined;
    const { databases } = parseEnvironment('config/dev.ts', {
      ...environmentOf('dev'),
      kafka: {},
      databases: { shop: { instance: 'shop-1', capture } },
    });
    expect(read({ sources: [source], environment: environment(databases) }).sources).toEqual([source]);
  });

  test.each(['database', 'schema'])('a %s whose tables RDS cannot choose', (field) => {
    expect(() => read({ sources: [{ ...shop, [field]: 'my-shop' }] })).toThrow(
      `sources/shop.ts: ${field} is "my-shop": RDS exports chosen tables only where names have letters, digits, $ and _`,
    );
  });

  test.each<[string, Change, string]>([
    ['no URL', { apis: {} }, 'config/dev.ts: apis has no office: name the URL of the API behind sources/office.ts'],
    [
      'a URL without a source',
      { apis: { office: { url: 'https://a.example' }, depot: { url: 'https://b.example' } } },
      'config/dev.ts: apis.depot belongs to no source: there are office. Remove it or declare sources/depot.ts',
    ],
    [
      'a dataset without a contract',
      { resource: { dataset: 'fares' } },
      'sources/office.ts: dataset "fares" has no contract: there are carts. Write contracts/fares.odcs.yaml',
    ],
    [
      'a column that the contract lacks',
      { resource: { fields: { state: '$.s', colour: '$.c' } } },
      'sources/office.ts: carts: fields has "colour", which is no column of contracts/carts.odcs.yaml: there are cart_id, state',
    ],
    [
      'a path with a query',
      { resource: { path: '/carts?all' } },
      'sources/office.ts: carts: path is "/carts?all"; a path such as /rates is allowed',
    ],
    [
      'a JSONPath with a filter',
      { resource: { records: '$.rows[?(@.state)]' } },
      'sources/office.ts: carts: "$.rows[?(@.state)]" is no path that is understood; allowed are such as $.name',
    ],
    [
      'a parameter that two things set',
      { resource: { query: { page: '1' } } },
      'sources/office.ts: carts: the parameter "page" is set twice; let one of query, paging and increment set it',
    ],
    [
      'a header that is none',
      { authentication: { kind: 'api_key', header: 'X Key' } },
      'sources/office.ts: authentication.header is "X Key"; a name such as X-Api-Key is allowed',
    ],
    ['no resources', { resources: [] }, 'sources/office.ts: resources is empty; declare what the API lists'],
  ])('a REST source with %s', (_, { apis = { office: { url: 'https://a.example' } }, resource, ...more }, message) => {
    const office: Source = {
      kind: 'rest',
      name: 'office',
      authentication: { kind: 'none' },
      resources: [
        { dataset: 'carts', path: '/carts', records: '$[*]', paging: { kind: 'page', parameter: 'page' }, ...resource },
      ],
      ...more,
    };
    const change = () => read({ sources: [office], environment: { ...environment({}), apis } });
    expect(change).toThrow(message);
    expect(change).toThrow(/^[^\n]*$/);
  });

  test('an instance without a source', () => {
    const databases = { shop: { instance: 'shop-1' }, till: { instance: 'till-1' } };
    expect(() => read({ environment: environment(databases) })).toThrow(
      'config/dev.ts: databases.till belongs to no source: there are shop. Remove it or declare sources/till.ts',
    );
  });
});
