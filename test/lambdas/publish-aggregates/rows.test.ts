import fc from 'fast-check';
import { groupRows, rowJson, selectSql } from '../../../lambdas/publish-aggregates/rows';
import type { Endpoint } from '../../../lambdas/shared/endpoint';
import { endpoint } from '../fakes';

it('selects the columns and the parameters, large numbers as text', () => {
  expect(selectSql(endpoint)).toBe(
    'select "delivery_date", cast("orders" as varchar) as "orders", cast("amount" as varchar) as "amount", ' +
      'cast("status" as varchar) as "_p_status", cast("country" as varchar) as "_p_country" ' +
      'from gold."orders_by_delivery_date" as m order by m."delivery_date" asc, m."orders" desc',
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
  const row = (orders: string, status: string | null, country: string | null) => ({
    delivery_date: '2026-01-01',
    orders,
    amount: '1.00',
    _p_status: status,
    _p_country: country,
  });
  const groups = groupRows(endpoint, [row('1', 'open', 'D&E'), row('2', 'open', null), row('3', null, 'FR')]);
  const numbers = [...groups].map(([filter, rows]) => [
    filter,
    rows.map((r) => (JSON.parse(r) as { orders: number }).orders),
  ]);
  expect(numbers).toEqual([
    ['status=open', [1, 2]],
    ['country=D%26E&status=open', [1]],
  ]);
});

it('refuses an endpoint with too many optional parameters', () => {
  const parameters = ['a', 'b', 'c', 'd'].map((name) => ({ name, column: name, required: false }));
  expect(() => groupRows({ ...endpoint, parameters }, [])).toThrow(
    'Endpoint /analytics/orders has 4 optional parameters; at most 3 are allowed',
  );
});
