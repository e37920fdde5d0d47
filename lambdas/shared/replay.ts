/** Below this prefix of the errors bucket lies what was replayed, under the key that it had. */
export const REPLAYED = 'replayed/';

/** Name of the function `lambdas/replay-records` of an environment: `npm run ops` finds it by nothing else. */
export const replayFunctionName = (environment: string): string => `moraine-${environment}-replay-records`;
