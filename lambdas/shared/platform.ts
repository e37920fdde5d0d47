import type { Contract } from './contract';
import type { Endpoint } from './endpoint';
import type { Source } from './source';

/** All that the declarations say, in the form that handlers carry in their bundles. */
export interface Platform {
  /** Name of the environment, the prefix of Glue databases. */
  readonly environment: string;
  readonly contracts: readonly Contract[];
  readonly sources: readonly Source[];
  readonly endpoints: readonly Endpoint[];
}

/** Written into each bundle at synth by `lib/bundles.ts` (esbuild's `define`); checked there, so not here. */
declare const MORAINE_PLATFORM: Platform;

/** The declarations that this handler was deployed with. */
export const platform = (): Platform => MORAINE_PLATFORM;

/** Name of a Glue database of an environment. */
export function databaseName(
  environment: string,
  layer: 'bronze' | 'silver' | 'quarantine' | 'staging' | 'lake',
): string {
  return `${environment}_${layer}`;
}
