import type { Source } from '../../lambdas/shared/source';
import { SetupError } from '../../local/toolchain';
import { sources } from '../../sources';
import { readOptions, target, WHERE, type Target } from './target';

export const USAGE =
  'npm run ops -- replay --source NAME [--dataset NAME,…] [--env local] [--since TIME] [--until TIME] [--dry-run] [--port N]';

/** What `npm run ops -- replay` was asked for. */
export interface Wanted extends Target {
  /** What the handler is asked (`lambdas/replay-records`). */
  readonly request: { source: string; datasets?: string[]; since?: string; until?: string; dryRun: boolean };
  /** Whether its messages come back by a Glue job (`glue-jobs/replay_kafka.py`) instead. */
  readonly isKafka: boolean;
}

/** @throws SetupError in one line: the value got, the values allowed. */
export function parseReplay(args: readonly string[], declared: readonly Source[] = sources): Wanted {
  const options = {
    ...WHERE,
    source: { type: 'string' },
    dataset: { type: 'string' },
    since: { type: 'string' },
    until: { type: 'string' },
    'dry-run': { type: 'boolean', default: false },
  } as const;
  const values = readOptions(args, options, USAGE);
  if (values.source === undefined) throw new SetupError(`--source is missing: use ${USAGE}`);
  const where = target(values);
  const [since, until] = [time('since', values.since), time('until', values.until)];
  const isKafka = declared.some(({ kind, name }) => kind === 'kafka' && name === values.source);
  const datasets = values.dataset?.split(',');
  const [refused] = [
    ...(datasets ? ['--dataset'] : []),
    ...(until ? ['--until'] : []),
    ...(values['dry-run'] ? ['--dry-run'] : []),
  ];
  if (isKafka && refused) {
    throw new SetupError(
      `${refused} is not for ${values.source}, which comes by Kafka: --since is allowed, and quarantine.rejected says what there is`,
    );
  }
  return {
    request: {
      source: values.source,
      ...(datasets && { datasets }),
      ...(since && { since }),
      ...(until && { until }),
      dryRun: values['dry-run'],
    },
    ...where,
    isKafka,
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
