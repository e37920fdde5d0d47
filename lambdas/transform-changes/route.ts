import { reader, type Reader } from '../shared/columns';
import type { Platform } from '../shared/platform';
import { parsePosition } from '../shared/position';
import type { DatabaseSource } from '../shared/source';
import type { Metadata } from './record';

/** The captured source that a handler serves, and where its tables go. */
export interface Route {
  readonly source: DatabaseSource;
  /** By table. */
  readonly readers: ReadonlyMap<string, Reader>;
}

/** @throws Error when no source of that name has its changes captured. */
export function routeOf({ sources, contracts }: Platform, name: string): Route {
  const captured = sources.filter((each): each is DatabaseSource => each.kind === 'database' && !!each.capture);
  const source = captured.find((each) => each.name === name);
  if (!source) {
    const names = captured.map((each) => each.name).join(', ') || 'none';
    throw new Error(`SOURCE is ${JSON.stringify(name)}; sources with capture are: ${names}. Correct the variable`);
  }
  const own = contracts.filter(({ dataset }) => source.datasets.includes(dataset));
  return { source, readers: new Map(own.map((contract) => [contract.dataset, reader(contract)])) };
}

/** The route as it was in the epoch of a position: what a record of that time says of its place counts in that epoch. */
export const ofEpoch = (route: Route, position: string): Route => {
  const capture = { ...route.source.capture, epoch: Number(parsePosition(position).epoch) };
  return { ...route, source: { ...route.source, capture } };
};

/** How the dataset of a table's record is read; undefined when the table has no contract. */
export const readerOf = ({ source, readers }: Route, metadata: Metadata): Reader | undefined =>
  metadata['schema-name'] === source.schema ? readers.get(metadata['table-name']) : undefined;

/** Tables in which DMS keeps its own books. */
export const isOwn = (metadata: Metadata): boolean => metadata['table-name'].toLowerCase().startsWith('awsdms_');
