import fc from 'fast-check';
import { column } from '../fakes';
import { change, control, place, row, type Message } from './messages';
import { parcels, rowOf, transform } from './transform';

beforeEach(() => jest.spyOn(console, 'log').mockImplementation(() => undefined));

/** The contract with more columns, or with other names for those that it has. */
const mended = (more: typeof parcels.columns, names: Record<string, string> = {}) => ({
  ...parcels,
  key: parcels.key.map((name) => names[name] ?? name),
  columns: [
    ...parcels.columns.map((c) => (names[c.name] ? { ...c, name: names[c.name], previousNames: [c.name] } : c)),
    ...more,
  ],
});
const colour = column('colour', { name: 'varchar', length: 20 });
const due = column('due', { name: 'date' });

const finished = async (message: Message): Promise<string> => (await transform([message]))[0].text;

const scalar = fc.oneof(fc.string({ maxLength: 20 }), fc.integer(), fc.boolean(), fc.constant(null));
const messages: fc.Arbitrary<Message> = fc.oneof(
  fc
    .record({
      id: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      weight: fc.option(fc.double({ min: -1e9, max: 1e9, noNaN: true }).map((value) => value.toFixed(9))),
      label: fc.string({ maxLength: 40 }),
      sent_at: fc.option(fc.date({ min: new Date('1900-01-01'), max: new Date('2200-01-01'), noInvalidDate: true })),
      rest: fc.dictionary(fc.stringMatching(/^[a-z]{5}$/), scalar, { maxKeys: 2 }),
      before: fc.option(fc.bigInt({ min: 0n, max: 2n ** 63n - 1n })),
      missing: fc.boolean(),
    })
    .map(({ id, weight, label, sent_at, rest, before, missing }) =>
      change(
        'update',
        { parcel_id: String(id), weight, label, ...(!missing && { sent_at: sent_at?.toISOString() ?? null }), ...rest },
        { 'before-image': before === null ? {} : { parcel_id: String(before) } },
      ),
    ),
  fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }).map((id) => change('delete', { ...row, parcel_id: String(id) })),
  fc.constant(control('truncate-table', { ...place, 'commit-timestamp': '2024-07-29T00:58:17Z' })),
);

it('passes a row that it made before on as it is: same place in the order, same origin, no digit lost', async () => {
  await fc.assert(
    fc.asyncProperty(messages, async (message) => {
      const [first] = await transform([message]);
      expect(first.result).toBe('Ok');
      const [again] = await transform([first.text]);
      expect(again).toEqual(first);
    }),
  );
});

it('gives a finished row the names that its columns have now, in its key and among those it lacks too', async () => {
  const names = { parcel_id: 'parcel', weight: 'grams' };
  const moved = await finished(
    change('update', { parcel_id: 46, label: 'a', sent_at: null }, { 'before-image': { parcel_id: 45 } }),
  );
  expect(await rowOf(moved, { contract: mended([], names) })).toMatchObject({
    parcel: 46,
    grams: null,
    _missing: 'grams',
    _previous_key: '{"parcel":"45"}',
  });
});

it('takes what was left over where the contract has caught up, and tells what the row never carried', async () => {
  const early = await finished(change('insert', { ...row, colour: 'red', taste: 'sweet' }));
  expect(await rowOf(early, { contract: mended([colour, due]) })).toMatchObject({
    colour: 'red',
    due: null,
    _missing: 'due',
    _rest: '{"taste":"sweet"}',
  });
});

it('keeps what a contract that was taken back lacks', async () => {
  const [{ text }] = await transform([change('insert', { ...row, colour: 'red' })], { contract: mended([colour]) });
  expect(await rowOf(text)).toMatchObject({ label: 'fragile', _rest: '{"colour":"red"}' });
});

it('puts a finished row that breaks the contract into quarantine, and takes it from there', async () => {
  const text = await finished(change('insert', row));
  const strict = {
    ...parcels,
    columns: parcels.columns.map((c) =>
      c.name === 'label' ? { ...c, type: { name: 'varchar' as const, length: 3 } } : c,
    ),
  };
  const rejected = await rowOf(text, { contract: strict });
  expect(rejected).toMatchObject({
    dataset: 'parcels',
    column_name: 'label',
    payload: text,
    reason: expect.stringContaining('varchar(3)') as string,
  });
  expect(JSON.stringify(await rowOf(rejected))).toBe(text);
});

it('takes the record in a row of quarantine once more, with the origin that it had', async () => {
  const rejected = await rowOf(change('insert', { ...row, label: 'x'.repeat(41) }));
  expect(rejected).toMatchObject({ dataset: 'parcels', column_name: 'label' });
  const wide = {
    ...parcels,
    columns: parcels.columns.map((c) =>
      c.name === 'label' ? { ...c, type: { name: 'varchar' as const, length: 99 } } : c,
    ),
  };
  // Meanwhile the capture has begun a new epoch: the record is still of the old one.
  const given = { contract: wide, source: { capture: { epoch: 2 } } };
  const [, again] = await transform([change('insert', row), rejected], given);
  expect(JSON.parse(again.text)).toMatchObject({
    label: 'x'.repeat(41),
    _position: rejected._position,
    _origin: `parcels/${String(rejected._origin)}`,
  });
});

it('drops what quarantine has when it would only be put there again, and nothing else', async () => {
  const rejected = await rowOf(change('insert', { ...row, label: 'x'.repeat(41) }));
  const [kept, lost, mended] = await transform([
    { ...rejected, _kept: true },
    rejected,
    { ...rejected, _kept: true, payload: JSON.stringify(change('insert', { ...row, label: 'y'.repeat(42) })) },
  ]);
  expect([kept.result, lost.result, mended.result]).toEqual(['Dropped', 'Ok', 'Ok']);
  expect(mended.metadata?.otfMetadata.destinationTableName).toBe('rejected');
});

it.each<[string, (made: string) => string]>([
  ['of a dataset that has no contract', (made) => made.replace('"parcels/kinesis', '"letters/kinesis')],
  ['that tells no dataset', (made) => made.replace('"parcels/kinesis', '"kinesis')],
  ['without a place in the order', (made) => made.replace(/"_position":"[^"]+"/, '"_position":"1"')],
  ['that is a finished row in part', (made) => made.replace('"_missing":null,', '')],
])('hands back a row %s', async (_, spoil) => {
  const text = spoil(await finished(change('insert', row)));
  const [record] = await transform([text]);
  expect(record).toMatchObject({ result: 'ProcessingFailed', text });
});
