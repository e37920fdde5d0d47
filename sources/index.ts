import type { Source } from '../lambdas/shared/source';
import { operations } from './operations';
import { webEvents } from './web_events';

/** Every way in, in the order in which the pipeline lists them. */
export const sources: readonly Source[] = [operations, webEvents];
