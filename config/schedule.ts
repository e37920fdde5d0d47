const MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const DAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];

interface Field {
  readonly name: string;
  readonly from: number;
  readonly to: number;
  /** Words for numbers; the first stands for `from`. */
  readonly words?: readonly string[];
  /** What may stand there besides numbers, lists, ranges and `*`. */
  readonly special?: RegExp;
}

const FIELDS: readonly Field[] = [
  { name: 'minutes', from: 0, to: 59 },
  { name: 'hours', from: 0, to: 23 },
  { name: 'day of month', from: 1, to: 31, special: /^(\?|L|LW|(?:[1-9]|[12]\d|3[01])W)$/ },
  { name: 'month', from: 1, to: 12, words: MONTHS },
  { name: 'day of week', from: 1, to: 7, words: DAYS, special: /^(\?|L|[1-7]L|[1-7]#[1-5])$/ },
  { name: 'year', from: 1970, to: 2199 },
];

/**
 * What EventBridge Scheduler would refuse in an expression `cron(…)` or `rate(…)`; undefined if nothing.
 * @see https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
 */
export function scheduleProblem(expression: string): string | undefined {
  const rate = /^rate\((.*)\)$/.exec(expression);
  if (rate) {
    if (/^[1-9]\d* (minutes?|hours?|days?)$/.test(rate[1])) return undefined;
    return 'rate takes a whole number from 1 and minutes, hours or days, such as rate(6 hours)';
  }
  const cron = /^cron\((.*)\)$/.exec(expression);
  if (!cron) return 'allowed are cron(…), rate(…) and none';
  const values = cron[1].split(' ');
  if (values.length !== FIELDS.length) {
    return `cron takes six fields (${FIELDS.map(({ name }) => name).join(', ')}), such as cron(0 5 * * ? *)`;
  }
  for (const [index, field] of FIELDS.entries()) {
    if (!fits(values[index], field)) {
      const words = field.words ? ` or ${field.words[0]} to ${field.words[field.words.length - 1]}` : '';
      return `${values[index]} is no ${field.name}: allowed are ${field.from} to ${field.to}${words}, *, lists, ranges and steps`;
    }
  }
  if ((values[2] === '?') === (values[4] === '?')) {
    return 'of day of month and day of week exactly one is ?, such as cron(0 5 * * ? *)';
  }
  return undefined;
}

function fits(value: string, field: Field): boolean {
  if (field.special?.test(value)) return true;
  return value.split(',').every((part) => {
    const match = /^(?:\*|(\w+)(?:-(\w+))?)(?:\/(\d+))?$/.exec(part);
    if (!match) return false;
    const [, first, last, step] = match;
    const numbers = [first, last].filter((one) => one !== undefined).map((one) => numberOf(one, field));
    return (
      numbers.every((number) => number >= field.from && number <= field.to) &&
      (numbers.length < 2 || numbers[0] <= numbers[1]) &&
      (step === undefined || Number(step) >= 1)
    );
  });
}

function numberOf(text: string, field: Field): number {
  const word = field.words?.indexOf(text.toUpperCase()) ?? -1;
  if (word >= 0) return word + field.from;
  return /^\d+$/.test(text) ? Number(text) : NaN;
}

/** Whether this machine's calendar knows the IANA time zone. */
export function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return /^[A-Z]/.test(name);
  } catch {
    return false;
  }
}
