import type { Source } from '../lambdas/shared/source';
import { courierPositions } from './courier_positions';
import { exchangeRates } from './exchange_rates';
import { operations } from './operations';
import { webEvents } from './web_events';
import { webSessions } from './web_sessions';

/** Every way in, in the order in which the pipeline lists them. */
export const sources: readonly Source[] = [operations, exchangeRates, webEvents, courierPositions, webSessions];
