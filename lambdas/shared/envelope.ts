import { z } from 'zod';

/** An event on its way from the collector to the transform: one record of the stream. */
export const envelope = z.object({
  dataset: z.string(),
  /** When the collector took it, microseconds since 1970 UTC. */
  received_at: z.int().positive(),
  request_id: z.string(),
  /** Place within the request, from 0. */
  ordinal: z.int().nonnegative(),
  /** The event as it was sent. */
  event: z.record(z.string(), z.unknown()),
});
export type Envelope = z.infer<typeof envelope>;
