import { SetupError } from '../../local/toolchain';
import { readOptions, target, WHERE, type Target } from './target';

export const USAGE =
  'npm run ops -- replay --source NAME [--env local] [--since TIME] [--until TIME] [--dry-run] [--port N]';

/** What `npm run ops -- replay` was asked for. */
export interface Wanted extends Target {
  /** What the handler is asked (`lambdas/replay-records`). */
  readonly request: { source: string; since?: string; until?: string; dryRun: boolean };
}

/** @throws SetupError in one line: the value got, the values allowed. */
export function parseReplay(args: readonly string[]): Wanted {
  const options = {
    ...WHERE,
    source: { type: 'string' },
    since: { type: 'string' },
    until: { type: 'string' },
    'dry-run': { type: 'boolean', default: false },
  } as const;
  const values = readOptions(args, options, USAGE);
  if (values.source === undefined) throw new SetupError(`--source is missing: use ${USAGE}`);
  const where = target(values);
  const [since, until] = [time('since', values.since), time('until', values.until)];
  return {
    request: { source: values.source, ...(since && { since }), ...(until && { until }), dryRun: values['dry-run'] },
    ...where,
  };
}

/** A time with a zone, or a day, which begins at midnight UTC. */
function time(name: string, text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const form = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/;
  const found = form.test(text) ? new Date(text) : undefined;
  if (found && !Number.isNaN(found.getTime())) return found.toISOString();
  throw new SetupError(`--${name} is ${JSON.stringify(text)}: 2026-01-31 or 2026-01-31T12:00:00Z is allowed`);
}
