import { parseContract } from '../../../lambdas/shared/contract';
import { checkSessionsSource, type SessionsSource } from '../../../lambdas/shared/sessions-source';

const contract = (dataset: string, columns: object[]) =>
  parseContract(`contracts/${dataset}.odcs.yaml`, {
    ...{ kind: 'DataContract', id: dataset, version: '1.0.0' },
    schema: [{ name: dataset, properties: columns }],
  });

const clicks = contract('clicks', [
  { name: 'click_id', physicalType: 'varchar(36)', primaryKey: true },
  { name: 'person', physicalType: 'bigint' },
  { name: 'happened_at', physicalType: 'timestamptz', required: true },
  { name: 'page', physicalType: 'varchar(100)', customProperties: [{ property: 'previousNames', value: ['address'] }] },
  { name: 'price', physicalType: 'decimal(9,2)', required: true },
]);
const KEY = [
  { name: 'person', physicalType: 'bigint', primaryKey: true, primaryKeyPosition: 1 },
  { name: 'started_at', physicalType: 'timestamptz', primaryKey: true, primaryKeyPosition: 2 },
  { name: 'ended_at', physicalType: 'timestamptz', required: true },
];
const MORE = [
  { name: 'entry', physicalType: 'varchar(100)' },
  { name: 'clicks', physicalType: 'bigint', required: true },
];
const source: SessionsSource = {
  kind: 'sessions',
  name: 'visits',
  dataset: 'visits',
  events: 'clicks',
  visitor: ['person'],
  time: 'happened_at',
  columns: { entry: { take: 'first', of: 'page' }, clicks: { take: 'count' } },
};
const check = (change: object = {}, columns: object[] = [...KEY, ...MORE]): void => {
  checkSessionsSource({ ...source, ...change }, [clicks, contract('visits', columns)]);
};
const columns = (more: object) => ({ columns: { ...source.columns, ...more } });

test('a declaration that fits both contracts, by a former name of a column, too', () => {
  check();
  check({ idleMinutes: 0.5, ...columns({ entry: { take: 'last', of: 'address', where: { page: ['/'] } } }) });
});

test.each<[string, () => void, string]>([
  ['no idle time', () => check({ idleMinutes: 0 }), 'sources/visits.ts: idleMinutes is 0: allowed are minutes above 0'],
  ['events without a contract', () => check({ events: 'taps' }), '"taps" has no contract: there are clicks, visits'],
  ['nobody', () => check({ visitor: [] }), 'visitor is empty: name the columns of clicks'],
  [
    'an unknown time',
    () => check({ time: 'when' }),
    'sources/visits.ts: time: "when" is no column of contracts/clicks',
  ],
  ['a time that is none', () => check({ time: 'page' }), 'time is "page", a varchar; allowed is a timestamptz'],
  ['an unknown visitor', () => check({ visitor: ['entry'] }), 'the key is person, started_at'],
  [
    'another key',
    () => check({}, [KEY[0], { ...KEY[1], primaryKey: false }, KEY[2], ...MORE]),
    'contracts/visits.odcs.yaml: the key is person: that of sessions is the visitor',
  ],
  [
    'a visitor of another type',
    () => check({}, [{ ...KEY[0], physicalType: 'int' }, ...KEY.slice(1), ...MORE]),
    'person is {"name":"int"} in its contract, and what is taken for it {"name":"bigint"}',
  ],
  ['no end', () => check({}, [...KEY.slice(0, 2), ...MORE]), 'sessions: "ended_at" is no column'],
  ['a column without a meaning', () => check({ columns: {} }), 'columns has no entry, which contracts/visits'],
  ['a meaning without a column', () => check(columns({ exit: { take: 'last', of: 'page' } })), '"exit" is no column'],
  [
    'another way to take',
    () => check(columns({ entry: { take: 'median', of: 'price' } })),
    'columns.entry.take is "median": allowed are first, last, min, max, count, any',
  ],
  [
    'a column that every session has',
    () => check(columns({ ended_at: { take: 'max', of: 'happened_at' } })),
    'columns.ended_at is a column that every session has: leave it out',
  ],
  [
    'a condition on a number',
    () => check(columns({ clicks: { take: 'count', where: { price: ['1'] } } })),
    'columns.clicks.where.price: allowed are columns of type varchar',
  ],
  [
    'an unknown column',
    () => check(columns({ entry: { take: 'first', of: 'site' } })),
    'columns.entry.of: "site" is no column of contracts/clicks.odcs.yaml: there are click_id, person',
  ],
  [
    'a value of another type',
    () => check(columns({ entry: { take: 'first', of: 'price' } })),
    'what is taken for it {"name":"decimal","precision":9,"scale":2}: give both one physicalType',
  ],
  [
    'a count in a text',
    () => check(columns({ entry: { take: 'count' } })),
    'entry is {"name":"varchar","length":100} in its contract, and what is taken for it {"name":"bigint"}',
  ],
  [
    'required, and maybe empty',
    () => check({}, [...KEY, { ...MORE[0], required: true }, MORE[1]]),
    'columns.entry can be empty, for not every session has such a value: take required away',
  ],
])('%s is refused', (_, refused, message) => {
  expect(refused).toThrow(message);
});
