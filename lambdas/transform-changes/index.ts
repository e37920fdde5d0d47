import { text } from '../shared/env';
import { parse } from '../shared/parse';
import { deployed, transformer } from '../shared/transform';
import { form } from './form';
import { record } from './record';
import { ofEpoch, routeOf } from './route';
import { originOf, toRow } from './row';

/** `SOURCE` names the database source whose changes the stream has. */
const variables = { SOURCE: text };

/**
 * Turns changes of a database, as DMS writes them to a Kinesis stream, into rows of bronze. What breaks its contract, or
 * has none, becomes a row of quarantine; what can't be read, or has no order, comes back as it is.
 */
export const makeHandler = transformer('changes transformed', variables, (platform, to, { SOURCE: source }) => {
  const route = routeOf(platform, source);
  return {
    fresh: (value, json, from) =>
      toRow(route, { record: parse('record', record, value), text: json, origin: originOf(from) }, to),
    rejected: (payload, { payload: json, _position, _origin: origin }) => {
      const then = _position === null ? route : ofEpoch(route, _position);
      return toRow(then, { record: parse('record', record, payload), text: json, origin }, to);
    },
    again: { readers: route.readers, form, partial: true },
    about: { source },
  };
});

export const handler = makeHandler(deployed);
