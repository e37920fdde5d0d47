import type { Case } from '../case';
import { delivery } from './delivery';
import { merges } from './merges';
import { network } from './network';
import { rejects } from './rejects';
import { hardRows } from './rows';
import { schema } from './schema';
import { snapshots } from './snapshots';
import { source } from './source';

/** Every way in which things go wrong that is tried. */
export const cases: readonly Case[] = [
  ...hardRows,
  ...delivery,
  ...rejects,
  ...merges,
  ...snapshots,
  ...network,
  ...schema,
  ...source,
];
