import { isKeyless, ROW_KEY } from '../../../lambdas/shared/contract';
import { silverTable } from '../../../lambdas/shared/tables';
import { change, load, row } from './messages';
import { parcels, rowOf } from './transform';

/** The table of the other tests, without its key. */
const keyless = {
  contract: {
    ...parcels,
    key: ROW_KEY,
    columns: parcels.columns.map((each) => ({ ...each, required: each.name === 'label' })),
  },
};
const read = (record: unknown) => rowOf(record, keyless);

it('an insert tells the row, and nothing before it', async () => {
  expect(await read(change('insert', row))).toMatchObject({
    ...{ parcel_id: 46, label: 'fragile', _op: 'upsert', _previous_key: null, _missing: null },
  });
});

it('a delete tells the row that is gone', async () => {
  expect(await read(change('delete', row))).toMatchObject({
    parcel_id: 46,
    weight: '31.500000000000000000',
    _op: 'delete',
  });
});

it('an update tells both rows whole: what one leaves out, the other has', async () => {
  const { label, ...rest } = { ...row, weight: 32 };
  const found = await read(change('update', rest, { 'before-image': { ...row, parcel_id: null } }));
  expect(found).toMatchObject({ parcel_id: 46, weight: '32.000000000000000000', label, _op: 'upsert', _missing: null });
  expect(JSON.parse(found._previous_key as string)).toEqual({
    ...{ parcel_id: null, weight: '31.500000000000000000', label, sent_at: '2024-07-29T00:58:17.000000Z' },
  });
});

it('an update to an equal row still tells the one before it', async () => {
  expect((await read(change('update', row, { 'before-image': row })))._previous_key).not.toBeNull();
});

it.each<[string, unknown]>([
  ['an update without a before-image', change('update', row, { 'before-image': {} })],
  ['an update of which only a part was kept', change('update', row, { 'before-image': { parcel_id: 46 } })],
  ['a delete without the row', change('delete', { parcel_id: null, weight: null, label: null, sent_at: null })],
])('%s goes to quarantine, with what to do', async (_, record) => {
  expect((await read(record)).reason).toMatch(
    /^(update|delete) does not tell the row that was there before, and parcels has no key: alter table "public"."parcels" replica identity full, or give it a primary key; a later snapshot mends/,
  );
});

it('a row that DMS loads has no place of its own, and goes to quarantine', async () => {
  expect((await read(load(row))).reason).toMatch(/^operation is "load"; of a table without a key insert, update/);
});

it('silver has the hash and the copy for a key, and is bucketed by the hash', () => {
  expect(isKeyless(keyless.contract)).toBe(true);
  const { columns, partition } = silverTable(keyless.contract);
  expect(columns.map(({ name }) => name)).toEqual(expect.arrayContaining([...ROW_KEY]));
  expect(partition.column).toBe('_row_hash');
  expect(silverTable(parcels).columns.map(({ name }) => name)).not.toContain('_row_hash');
});
