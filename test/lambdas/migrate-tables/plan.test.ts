import fc from 'fast-check';
import { properties } from '../../../lambdas/migrate-tables/history';
import type { TableState } from '../../../lambdas/migrate-tables/iceberg';
import { newFields, plan } from '../../../lambdas/migrate-tables/plan';
import type { Column, Contract } from '../../../lambdas/shared/contract';
import {
  bronzeTable,
  quarantineTable,
  reconciliationTable,
  silverTable,
  type TableDeclaration,
} from '../../../lambdas/shared/tables';
import { column, contract } from '../fakes';

/** A table as it is right after its creation. */
function created(table: TableDeclaration): TableState {
  const fields = newFields(table.columns, 0);
  const source = fields.find((field) => field.name === table.partition.column);
  return {
    location: 's3://lake/t',
    schemaId: 0,
    lastColumnId: Math.max(...fields.flatMap((field) => [field.id, ...field.nested])),
    fields,
    specId: 0,
    partition: [{ sourceId: source?.id ?? -1, fieldId: 1000, name: 'p', transform: table.partition.transform }],
    properties: properties(table),
  };
}

const changed = (before: Contract, after: Contract, make = silverTable) => plan(make(after), created(make(before)));

const v1 = contract();
const v2 = (columns: readonly Column[], more: Partial<Contract> = {}) =>
  contract({ version: '1.1.0', columns, ...more });
const replaced = (name: string, by: Column) => v1.columns.map((c) => (c.name === name ? by : c));

const wider = (type: Column['type']): Column['type'] => {
  if (type.name === 'int') return { name: 'bigint' };
  return type.name === 'decimal' ? { ...type, precision: Math.min(38, type.precision + 3) } : type;
};

describe('what is done', () => {
  it('creates a table that there is not', () => {
    expect(plan(bronzeTable(v1), undefined)).toEqual({ action: 'create' });
  });

  it.each([bronzeTable(v1), silverTable(v1), quarantineTable(), reconciliationTable()])(
    'leaves $layer.$name as it is',
    (table) => {
      expect(plan(table, created(table))).toEqual({ action: 'none', reason: 'as declared' });
    },
  );

  it('adds a column last, optional, with a new id', () => {
    const next = changed(v1, v2([column('country', { name: 'varchar', length: 2 }), ...v1.columns]));
    if (next.action !== 'change') throw new Error(next.action);
    expect(next.steps[0]).toEqual({ kind: 'add', column: 'country', type: 'string' });
    expect(next.after.fields.at(-1)).toMatchObject({ id: 12, name: 'country', required: false });
    expect(next.after.lastColumnId).toBe(12);
  });

  it.each([
    ['int', 'long', column('n', { name: 'int' }), column('n', { name: 'bigint' })],
    [
      'decimal(12,2)',
      'decimal(14,2)',
      column('n', { name: 'decimal', precision: 12, scale: 2 }),
      column('n', { name: 'decimal', precision: 14, scale: 2 }),
    ],
  ])('widens %s to %s', (from, to, before, after) => {
    const next = changed(v2([...v1.columns, before], { version: '1.0.0' }), v2([...v1.columns, after]));
    expect(next).toMatchObject({ action: 'change', steps: [{ kind: 'widen', column: 'n', from, to }, {}, {}] });
  });

  it('takes a longer text without touching the columns, and remembers the length', () => {
    const next = changed(v1, v2(replaced('status', column('status', { name: 'varchar', length: 40 }))));
    if (next.action !== 'change') throw new Error(next.action);
    expect(next.after.fields).toEqual(created(silverTable(v1)).fields);
    expect(next.after.properties['moraine.lengths']).toBe('{"status":40}');
  });

  it('lets an optional column become required, and a required one optional', () => {
    const required = column('status', { name: 'varchar', length: 20 }, { required: true });
    expect(changed(v1, v2(replaced('status', required))).action).toBe('change');
    expect(changed(v2(replaced('status', required), { version: '1.0.0' }), v2(v1.columns)).action).toBe('change');
  });

  it('renames a required column: its rows have it', () => {
    const renamed = column('id', { name: 'bigint' }, { required: true, previousNames: ['order_id'] });
    expect(changed(v1, v2(replaced('order_id', renamed), { key: ['id'] })).action).toBe('change');
  });

  it('renames back, by a contract that says so', () => {
    const there = column('state', { name: 'varchar', length: 20 }, { previousNames: ['status'] });
    const back = column('status', { name: 'varchar', length: 20 }, { previousNames: ['status', 'state'] });
    const after = plan(silverTable(v2(replaced('status', there))), created(silverTable(v1)));
    if (after.action !== 'change') throw new Error(after.action);
    const again = plan(silverTable(v2(replaced('status', back), { version: '1.2.0' })), after.after);
    expect(again).toMatchObject({
      action: 'change',
      steps: expect.arrayContaining([{ kind: 'rename', column: 'status', from: 'state' }]) as unknown,
    });
  });

  it('renames by the contract’s history and keeps the id', () => {
    const renamed = column('state', { name: 'varchar', length: 20 }, { previousNames: ['oldest', 'status'] });
    const next = changed(v1, v2(replaced('status', renamed)));
    if (next.action !== 'change') throw new Error(next.action);
    expect(next.steps[0]).toEqual({ kind: 'rename', column: 'state', from: 'status' });
    expect(next.after.fields.find((field) => field.name === 'state')?.id).toBe(3);
  });

  it('gives a former name to one column only', () => {
    const [a, b] = ['a', 'b'].map((name) =>
      column(name, { name: 'varchar', length: 20 }, { previousNames: ['status'] }),
    );
    const next = changed(v1, v2([...replaced('status', a), b]));
    expect(next).toMatchObject({
      steps: [{ kind: 'rename', column: 'a', from: 'status' }, {}, { kind: 'add', column: 'b' }, {}, {}, {}],
    });
  });

  it('renames the key, and its bucket with it', () => {
    const key = column('id', { name: 'bigint' }, { previousNames: ['order_id'] });
    expect(changed(v1, v2(replaced('order_id', key), { key: ['id'] })).action).toBe('change');
  });
});

describe('what is refused', () => {
  it.each<[string, Contract, string]>([
    ['a dropped column', v2(v1.columns.slice(0, 2)), 'column status is in the table and not in the contract'],
    [
      'a narrower type',
      v2(replaced('amount', column('amount', { name: 'decimal', precision: 10, scale: 2 }))),
      'column amount is decimal(12,2) in the table and decimal(10,2) in the contract',
    ],
    [
      'another scale',
      v2(replaced('amount', column('amount', { name: 'decimal', precision: 14, scale: 3 }))),
      'column amount is decimal(12,2)',
    ],
    [
      'another type',
      v2(replaced('status', column('status', { name: 'boolean' }))),
      'column status is string in the table and boolean in the contract; allowed are int to long, and a decimal of the ' +
        'same scale and a higher precision: put the type back, or add a column of another name',
    ],
    [
      'another type of a key',
      v2(replaced('order_id', column('order_id', { name: 'varchar', length: 36 }))),
      'column order_id is long in the table and string in the contract; allowed are int to long, and a decimal of the same ' +
        'scale and a higher precision: put the type back, or describe the data as a new dataset',
    ],
    [
      'a shorter text',
      v2(replaced('status', column('status', { name: 'varchar', length: 10 }))),
      'column status is varchar(20) in the table and varchar(10) in the contract; allowed is a longer one: put the length back',
    ],
    [
      'a shorter text under another name',
      v2(replaced('status', column('state', { name: 'varchar', length: 10 }, { previousNames: ['status'] }))),
      'column state is varchar(20) in the table and varchar(10) in the contract',
    ],
    [
      'a new column that is required',
      v2([...v1.columns, column('country', { name: 'varchar', length: 2 }, { required: true })]),
      'column country is new and required, and no row of the table has it; allowed is an optional one: leave required out',
    ],
    [
      'a key under another name that does not say so',
      v2(replaced('order_id', column('id', { name: 'bigint' })), { key: ['id'] }),
      'column order_id is in the table and not in the contract; columns are never dropped: put it back, or list order_id ' +
        'under previousNames of the column that took its place',
    ],
    ['another bucket count', v2(v1.columns, { bucketCount: 32 }), 'bucket[16] of order_id in the table and bucket[32]'],
    [
      'another key',
      v2(v1.columns, { key: ['order_id', 'status'] }),
      'the key is (order_id) in the table and (order_id, status)',
    ],
    [
      'a former name that is still in use',
      v2([
        ...v1.columns.slice(0, 2),
        column('state', { name: 'boolean' }, { previousNames: ['status'] }),
        ...v1.columns.slice(3),
      ]),
      'column state is string in the table and boolean',
    ],
  ])('%s', (_, after, reason) => {
    const next = changed(v1, after);
    expect(next.action).toBe('refuse');
    expect(next).toHaveProperty('reasons', expect.arrayContaining([expect.stringContaining(reason)]));
  });

  it('names everything that is wrong at once', () => {
    const next = changed(v1, v2(v1.columns.slice(0, 1), { bucketCount: 8 }));
    expect(next.action === 'refuse' && next.reasons.length).toBe(4);
  });
});

describe('a rollback', () => {
  const wider = [...v1.columns, column('country', { name: 'varchar', length: 2 })];

  it('to a lower version does nothing', () => {
    expect(changed(v2(wider), v1)).toEqual({ action: 'none', reason: 'older contract' });
  });

  it('to a contract of the same version that the table had before does nothing, and forward again neither', () => {
    const later = contract({ columns: wider });
    const there = plan(silverTable(later), created(silverTable(v1)));
    if (there.action !== 'change') throw new Error(there.action);
    expect(plan(silverTable(v1), there.after)).toEqual({ action: 'none', reason: 'older contract' });
    expect(plan(silverTable(later), there.after)).toEqual({ action: 'none', reason: 'as declared' });
  });

  it('is told from a drop: a new contract of the same version that lacks a column is refused', () => {
    const other = contract({ columns: v1.columns.slice(0, 3) });
    expect(plan(silverTable(other), created(silverTable(v1))).action).toBe('refuse');
  });
});

describe('for any two contracts', () => {
  const type = fc.oneof(
    fc.constantFrom('boolean', 'int', 'bigint', 'double', 'date', 'timestamp', 'timestamptz').map((name) => ({ name })),
    fc.integer({ min: 1, max: 38 }).map((precision): Column['type'] => ({ name: 'decimal', precision, scale: 1 })),
    fc.integer({ min: 1, max: 99 }).map((length): Column['type'] => ({ name: 'varchar', length })),
  );
  const names = fc.constantFrom('a', 'b', 'c', 'd', 'e');
  const anyContract = fc
    .record({
      columns: fc.uniqueArray(fc.record({ name: names, type, previousNames: fc.subarray(['a', 'b', 'c', 'd', 'e']) }), {
        selector: (c) => c.name,
        maxLength: 5,
      }),
      version: fc.constantFrom('1.0.0', '1.1.0', '2.0.0'),
    })
    .map(({ columns, version }) =>
      contract({
        version,
        columns: [
          column('id', { name: 'bigint' }),
          ...columns.map((c) => column(c.name, c.type, { previousNames: c.previousNames })),
        ],
        key: ['id'],
      }),
    );
  const makers = fc.constantFrom(bronzeTable, silverTable);

  /** A contract and what it grows into: columns kept, widened or renamed, and new ones. */
  const growing = fc
    .tuple(
      anyContract,
      fc.array(fc.constantFrom('keep', 'widen', 'rename'), { minLength: 6, maxLength: 6 }),
      fc.boolean(),
    )
    .map(([before, edits, adds]): [Contract, Contract] => {
      const names = new Map(before.columns.map((c, i) => [c.name, edits[i] === 'rename' ? `${c.name}_new` : c.name]));
      const columns = before.columns.map((c, i) => ({
        ...c,
        name: names.get(c.name) ?? c.name,
        type: edits[i] === 'widen' ? wider(c.type) : c.type,
        previousNames: edits[i] === 'rename' ? [c.name] : [],
      }));
      const after = adds ? [column('more', { name: 'date' }), ...columns] : columns;
      return [before, { ...before, version: '3.0.0', columns: after, key: [names.get('id') ?? 'id'] }];
    });
  const pairs = fc.oneof(growing, fc.tuple(anyContract, anyContract));

  it('growth is never refused', () => {
    fc.assert(
      fc.property(growing, makers, ([before, after], make) => {
        expect(changed(before, after, make).action).toBe('change');
      }),
    );
  });

  it('a plan that was carried out leaves nothing to do', () => {
    fc.assert(
      fc.property(pairs, makers, ([before, after], make) => {
        const next = changed(before, after, make);
        if (next.action === 'change') {
          expect(plan(make(after), next.after)).toEqual({ action: 'none', reason: 'as declared' });
        }
      }),
      { numRuns: 500 },
    );
  });

  it('no plan drops a column, gives an id twice, changes an id’s type but to a wider one, or touches the layout', () => {
    fc.assert(
      fc.property(pairs, makers, ([before, after], make) => {
        const state = created(make(before));
        const next = plan(make(after), state);
        if (next.action !== 'change') return;
        const ids = next.after.fields.flatMap((field) => [field.id, ...field.nested]);
        expect(new Set(ids).size).toBe(ids.length);
        expect(new Set(next.after.fields.map((field) => field.name)).size).toBe(next.after.fields.length);
        expect(next.after.partition).toEqual(state.partition);
        for (const field of state.fields) {
          const kept = next.after.fields.find((other) => other.id === field.id);
          expect(kept).toBeDefined();
          const sameKind = kept?.type.replace(/\(.*/, '') === field.type.replace(/\(.*/, '');
          expect(sameKind || (field.type === 'int' && kept?.type === 'long')).toBe(true);
        }
      }),
      { numRuns: 500 },
    );
  });
});
