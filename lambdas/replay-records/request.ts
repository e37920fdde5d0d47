import { z } from 'zod';
import type { Platform } from '../shared/platform';
import { datasetsOf, epochOf, isCaptured } from '../shared/source';

/** What is to be replayed. */
export const request = z.object({
  source: z.string(),
  /** Of which quarantine and bronze are searched. @default - all of the source's; error objects are of all in any case */
  datasets: z.array(z.string()).optional(),
  /** Only objects that Firehose wrote from then on, ISO 8601. @default - all that are there */
  since: z.iso.datetime({ offset: true }).optional(),
  /** Only objects that Firehose wrote before then, ISO 8601. @default - now */
  until: z.iso.datetime({ offset: true }).optional(),
  /** Count, and change nothing. @default false */
  dryRun: z.boolean().optional(),
  /** The last object that an earlier call came to: go on after it. */
  after: z.string().optional(),
  /** The run of `glue-jobs/replay_rows.py` that an earlier call started: go on when it has ended. */
  run: z.string().optional(),
});
export type ReplayRequest = z.infer<typeof request>;

/** Where the records of a source went wrong, and how they come back. */
export const way = z.object({
  /** Their error objects lie below it. */
  prefix: z.string(),
  kind: z.enum(['kinesis', 'firehose']),
  /** Name of the stream on which they are put. */
  stream: z.string(),
});
export type Way = z.infer<typeof way>;

/**
 * The way of the source that a request names; or, in a sentence, why nothing is replayed.
 * A record as DMS wrote it says where in the log it stands, not in which epoch: one of an older epoch would come back as
 * one of the present, and win over what is newer. So with a second epoch somebody has to say since when.
 */
export function wayOf(
  { source, since, datasets = [] }: ReplayRequest,
  ways: Readonly<Record<string, Way>>,
  { sources }: Platform,
): Way | { readonly refused: string } {
  if (!Object.hasOwn(ways, source)) {
    const known = Object.keys(ways).join(', ') || 'none';
    return { refused: `source is ${JSON.stringify(source)}; sources with a stream are: ${known}` };
  }
  const captured = sources.filter(isCaptured).find(({ name }) => name === source);
  if (captured && epochOf(captured) > 1 && since === undefined) {
    const epoch = epochOf(captured);
    return {
      refused: `${source} is in epoch ${epoch}, and records of an older one must stay out: give since, a time from which on all was captured in epoch ${epoch}`,
    };
  }
  const all = sources.filter(({ name }) => name === source).flatMap(datasetsOf);
  const unknown = datasets.find((name) => !all.includes(name));
  if (unknown !== undefined) {
    return { refused: `dataset is ${JSON.stringify(unknown)}; ${source} has: ${all.join(', ')}` };
  }
  return ways[source];
}
