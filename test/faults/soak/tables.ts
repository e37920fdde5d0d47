import { COPIES, THINGS } from '../workload';

/** The tables of a soak: one with a primary key, one without. */
export const KEYED = 'soaked';
export const KEYLESS = 'soaked_copies';

export const TABLES = { [KEYED]: THINGS, [KEYLESS]: COPIES };
