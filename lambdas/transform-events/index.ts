import { reader } from '../shared/columns';
import { envelope } from '../shared/envelope';
import { parse } from '../shared/parse';
import { deployed, transformer } from '../shared/transform';
import { envelopeOf, toRow } from './row';

/**
 * Turns the stream's events into rows of bronze. What breaks its contract becomes a row of quarantine; what is no
 * envelope of ours comes back as it is.
 */
export const makeHandler = transformer('events transformed', {}, ({ contracts }, to) => {
  const readers = new Map(contracts.map((contract) => [contract.dataset, reader(contract)]));
  const fresh = (value: unknown) => {
    const taken = parse('record', envelope, value);
    return toRow(readers.get(taken.dataset), taken, to);
  };
  return {
    fresh,
    rejected: (event, row) => fresh(envelopeOf(row, event)),
    again: { readers, form: (_, value) => value, partial: false },
  };
});

export const handler = makeHandler(deployed);
