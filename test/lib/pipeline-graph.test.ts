import type { Source } from '../../lambdas/shared/source';
import { compileGraph, type Branch } from '../../lib/pipeline-graph';

const shop: Source = {
  kind: 'database',
  name: 'shop',
  engine: 'postgres',
  database: 'shop',
  schema: 'public',
  datasets: ['carts', 'goods'],
};
const office: Source = {
  kind: 'rest',
  name: 'office',
  authentication: { kind: 'bearer' },
  resources: ['fares', 'tolls'].map((dataset) => ({
    dataset,
    path: `/${dataset}`,
    records: '$[*]',
    paging: { kind: 'none' },
  })),
};
const clicks: Source = { kind: 'collector', name: 'clicks', dataset: 'clicks' };
const visits: Source = {
  kind: 'sessions',
  name: 'visits',
  dataset: 'visits',
  events: 'clicks',
  visitor: ['person'],
  time: 'happened_at',
  columns: {},
};

test.each<{ name: string; sources: Source[]; graph: Branch[] }>([
  {
    name: 'a database is exported, and each of its tables loaded',
    sources: [shop],
    graph: [
      {
        source: 'shop',
        wayIn: 'snapshot',
        datasets: [
          { source: 'shop', dataset: 'carts' },
          { source: 'shop', dataset: 'goods' },
        ],
      },
    ],
  },
  {
    name: 'a database whose changes are captured is exported as well',
    sources: [{ ...shop, datasets: ['carts'], capture: {} }],
    graph: [{ source: 'shop', wayIn: 'snapshot', datasets: [{ source: 'shop', dataset: 'carts' }] }],
  },
  {
    name: 'a database that DMS loads is there already, and merged',
    sources: [{ ...shop, engine: 'mysql', datasets: ['carts'], capture: {} }],
    graph: [{ source: 'shop', wayIn: 'stream', datasets: [{ source: 'shop', dataset: 'carts' }] }],
  },
  {
    name: 'an API is extracted, resource by resource',
    sources: [office],
    graph: [
      {
        source: 'office',
        wayIn: 'extract',
        datasets: [
          { source: 'office', dataset: 'fares' },
          { source: 'office', dataset: 'tolls' },
        ],
      },
    ],
  },
  {
    name: 'a collector is there already, and merged',
    sources: [clicks],
    graph: [{ source: 'clicks', wayIn: 'stream', datasets: [{ source: 'clicks', dataset: 'clicks' }] }],
  },
  {
    name: 'sessions are derived',
    sources: [visits],
    graph: [{ source: 'visits', wayIn: 'derive', datasets: [{ source: 'visits', dataset: 'visits' }] }],
  },
  {
    name: 'sources keep the order in which they are declared',
    sources: [clicks, shop],
    graph: [
      { source: 'clicks', wayIn: 'stream', datasets: [{ source: 'clicks', dataset: 'clicks' }] },
      {
        source: 'shop',
        wayIn: 'snapshot',
        datasets: [
          { source: 'shop', dataset: 'carts' },
          { source: 'shop', dataset: 'goods' },
        ],
      },
    ],
  },
])('$name', ({ sources, graph }) => {
  expect(compileGraph(sources)).toEqual(graph);
});

test('without sources there is no pipeline', () => {
  expect(() => compileGraph([])).toThrow(
    'sources/index.ts: there are no sources, so the pipeline has nothing to do; declare one',
  );
});
