import { parseArgs, type ParseArgsConfig } from 'node:util';
import { SetupError } from '../../local/toolchain';
import { cases } from './cases';

/** What `npm run test:faults -- …` was asked for. */
export interface Wanted {
  readonly seeds: number;
  readonly firstSeed: number;
  /** Names of cases; empty: all. */
  readonly cases: readonly string[];
  /** Whether bugs are planted after the seeds, each of which has to be found. */
  readonly planted: boolean;
  /** Whether docs/reliability.md is written of what was seen. */
  readonly report: boolean;
}

/** What `npm run soak -- …` was asked for. */
export interface Soak {
  readonly minutes: number;
  /** Rows a second. */
  readonly changes: number;
  readonly seed: number;
  /** File of the plot; the figures are written beside it, as .csv. */
  readonly plot: string;
}

const USAGE = 'npm run test:faults -- [--seeds N] [--first-seed S] [--case NAME,…] [--planted] [--report]';
const SOAK_USAGE = 'npm run soak -- [--minutes N] [--changes PER_SECOND] [--seed S] [--plot FILE.svg]';

function number(name: string, text: string, least: number, most = Number.MAX_SAFE_INTEGER): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isSafeInteger(value) && value >= least && value <= most) return value;
  const to = most < Number.MAX_SAFE_INTEGER ? `to ${most}` : 'on';
  throw new SetupError(`--${name} is ${JSON.stringify(text)}: a whole number from ${least} ${to} is allowed`);
}

/** @throws SetupError for what is no option, with the usage */
function valuesOf<T extends NonNullable<ParseArgsConfig['options']>>(
  args: readonly string[],
  options: T,
  usage: string,
) {
  try {
    return parseArgs({ args: [...args], options }).values;
  } catch (error) {
    throw new SetupError(`${(error as Error).message.split('. ')[0]}. ${usage}`);
  }
}

/** @throws SetupError in one line: the value got, the values allowed. */
export function parseFaults(args: readonly string[]): Wanted {
  const options = {
    seeds: { type: 'string', default: '1' },
    'first-seed': { type: 'string', default: '1' },
    case: { type: 'string', multiple: true, default: [] as string[] },
    planted: { type: 'boolean', default: false },
    report: { type: 'boolean', default: false },
  } as const;
  const values = valuesOf(args, options, USAGE);
  const wanted = (values.case ?? []).flatMap((names) => names.split(','));
  const known = cases.map(({ name }) => name);
  const unknown = wanted.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new SetupError(`--case is ${JSON.stringify(unknown)}: there are ${known.join(', ')}`);
  }
  return {
    seeds: number('seeds', values.seeds, 0),
    firstSeed: number('first-seed', values['first-seed'], 0),
    cases: wanted,
    planted: values.planted ?? false,
    report: values.report ?? false,
  };
}

/** @throws SetupError in one line: the value got, the values allowed. */
export function parseSoak(args: readonly string[]): Soak {
  const options = {
    minutes: { type: 'string', default: '10' },
    changes: { type: 'string', default: '50' },
    seed: { type: 'string', default: '1' },
    plot: { type: 'string', default: '.cache/soak/soak.svg' },
  } as const;
  const { minutes, changes, seed, plot } = valuesOf(args, options, SOAK_USAGE);
  if (!plot.endsWith('.svg')) {
    throw new SetupError(`--plot is ${JSON.stringify(plot)}: the name of a file that ends in .svg is allowed`);
  }
  return {
    minutes: number('minutes', minutes, 1, 1440),
    changes: number('changes', changes, 1, 1000),
    seed: number('seed', seed, 0),
    plot,
  };
}
