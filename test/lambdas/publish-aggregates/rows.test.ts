import fc from 'fast-check';
import { groupRows, rowJson, selectSql } from '../../../lambdas/publish-aggregates/rows';
import type { Endpoint } from '../../../lambdas/shared/endpoint';
import { endpoint } from '../fakes';

it('selects the columns and the parameters, large numbers as text, and the first thousand of each filter', () => {
  const order = 'order by m."delivery_date" asc, m."orders" desc';
  expect(selectSql(endpoint)).toBe(
    'select "delivery_date", cast("orders" as varchar) as "orders", cast("amount" as varchar) as "amount", ' +
      'cast("status" as varchar) as "_p_status", cast("country" as varchar) as "_p_country", ' +
      '_rank_0, _total_0, _rank_1, _total_1 from (select m.*, ' +
      `row_number() over (partition by "status" ${order}) as _rank_0, ` +
      'count(*) over (partition by "status") as _total_0, ' +
      `row_number() over (partition by "status", "country" ${order}) as _rank_1, ` +
      'count(*) over (partition by "status", "country") as _total_1 ' +
      'from gold."orders_by_delivery_date" as m) as m ' +
      'where (_rank_0 <= 1000 and "status" is not null) ' +
      `or (_rank_1 <= 1000 and "status" is not null and "country" is not null) ${order}`,
  );
  expect(selectSql({ ...endpoint, parameters: [], order: [], columns: [endpoint.columns[0]] })).toBe(
    'select "delivery_date", _rank_0, _total_0 from (select m.*, row_number() over () as _rank_0, ' +
      'count(*) over () as _total_0 from gold."orders_by_delivery_date" as m) as m where (_rank_0 <= 1000)',
  );
});

const typed = (type: string): Endpoint => ({ ...endpoint, columns: [{ name: 'v', type, description: '' }] });

it.each<[string, string | number | boolean | null, string]>([
  ['bigint', '9007199254740993', '9007199254740993'],
  ['integer', 12, '12'],
  ['decimal(18,2)', '12345678901234567.10', '12345678901234567.10'],
  ['numeric', '.5', '0.5'],
  ['numeric(10,2)', '-.50', '-0.50'],
  ['double precision', 1e21, '1e21'],
  ['double precision', 'NaN', 'null'],
  ['boolean', true, 'true'],
  ['boolean', 't', 'true'],
  ['boolean', false, 'false'],
  ['date', '2026-11-20', '"2026-11-20"'],
  ['timestamp with time zone', '2026-11-20 04:05:06.7+00', '"2026-11-20T04:05:06.7Z"'],
  ['timestamptz', '2026-11-20 04:05:06+05:30', '"2026-11-20T04:05:06+05:30"'],
  ['timestamp', '2026-11-20 04:05:06', '"2026-11-20T04:05:06"'],
  ['varchar(20)', 'a "b" \u2028', '"a \\"b\\" \u2028"'],
  ['varchar', null, 'null'],
])('%s %j is %s in JSON', (type, value, text) => {
  expect(rowJson(typed(type), { v: value })).toBe(`{"v":${text}}`);
  expect(() => JSON.parse(`{"v":${text}}`) as unknown).not.toThrow();
});

it('keeps every digit of any number', () => {
  const digits = fc.tuple(fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }), fc.nat(999)).map(([n, f]) => `${n}.${f}`);
  fc.assert(
    fc.property(digits, (text) => {
      expect(rowJson(typed('decimal(38,3)'), { v: text })).toBe(`{"v":${text}}`);
    }),
  );
});

it('refuses what is no number where one is declared', () => {
  expect(() => rowJson(typed('bigint'), { v: 'many' })).toThrow('gold.orders_by_delivery_date.v: "many" is no number');
});

it('refuses a row that the serving table does not take', () => {
  expect(() => rowJson(typed('varchar'), { v: 'é'.repeat(200_000) })).toThrow('a row takes 400008 bytes of JSON');
});

it('groups the rows by each set of parameters that can be asked for', () => {
  const row = (orders: string, status: string | null, country: string | null, ranks: number[]) => ({
    delivery_date: '2026-01-01',
    orders,
    amount: '1.00',
    _p_status: status,
    _p_country: country,
    _rank_0: ranks[0],
    _total_0: 2002,
    _rank_1: ranks[1],
    _total_1: 1,
  });
  const groups = groupRows(endpoint, [
    row('1', 'open', 'D&E', [1, 1]),
    row('2', 'open', null, [1000, 1]),
    // Only its country makes it one of the first.
    row('3', 'open', 'FR', [1001, 1]),
    row('4', null, 'FR', [1, 1]),
  ]);
  const numbers = [...groups].map(([filter, { rows, total }]) => [
    filter,
    rows.map((r) => (JSON.parse(r) as { orders: number }).orders),
    total,
  ]);
  expect(numbers).toEqual([
    ['status=open', [1, 2], 2002],
    ['country=D%26E&status=open', [1], 1],
    ['country=FR&status=open', [3], 1],
  ]);
});

it('answers an endpoint without parameters that has no rows', () => {
  expect([...groupRows({ ...endpoint, parameters: [] }, [])]).toEqual([['', { rows: [], total: 0 }]]);
});

it('refuses an endpoint with too many optional parameters', () => {
  const parameters = ['a', 'b', 'c', 'd'].map((name) => ({ name, column: name, required: false }));
  expect(() => groupRows({ ...endpoint, parameters }, [])).toThrow(
    'Endpoint /analytics/orders has 4 optional parameters; at most 3 are allowed',
  );
});
