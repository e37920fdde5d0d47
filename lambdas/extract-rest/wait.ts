import type { Later } from './request';
import type { Run } from './state';

/** For so long an API may let one execution of the pipeline wait for a page, which it has a day for in all. */
const MOST_HOURS = 6;

/**
 * The run while the API lets it wait.
 * @throws Error when that takes too long: the other sources' rows would wait with it.
 */
export function waitFor(later: Later, run: Run, execution: string, now: Date): Run {
  const waiting = run.waiting?.execution === execution ? run.waiting : { execution, since: now.toISOString() };
  const hours = (now.getTime() + later.seconds * 1000 - Date.parse(waiting.since)) / 3_600_000;
  if (hours > MOST_HOURS) {
    throw new Error(
      `${later.message}; it lets us wait since ${waiting.since}, asks for ${later.seconds} s more, and gets ${MOST_HOURS} h at most; the next run goes on from here`,
    );
  }
  return { ...run, waiting };
}
