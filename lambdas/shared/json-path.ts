/** A step of a path: a member's name, or all elements of an array. */
type Step = { readonly member: string } | 'elements';

/** What a path selects of a JSON value, in order. */
export type Select = (value: unknown) => unknown[];

const FORMS = '$.name, $.name.name, $.name[*]';

/**
 * The part of JSONPath that sources use: `$`, members by name (`.name`, `['a name']`) and all elements (`[*]`).
 * The loader (`glue-jobs/common/json_path.py`) follows the same paths; both are tested by the same cases.
 * @throws Error naming `where` when the text is no such path.
 * @see https://www.rfc-editor.org/rfc/rfc9535
 */
export function compilePath(where: string, text: string): Select {
  const steps: Step[] = [];
  let rest = text.startsWith('$') ? text.slice(1) : undefined;
  while (rest) {
    const match = /^(?:\.([A-Za-z_][\w-]*)|\['([^'\\]+)'\]|(\[\*\]))/.exec(rest);
    if (!match) {
      rest = undefined;
      break;
    }
    steps.push(match[3] ? 'elements' : { member: match[1] ?? match[2] });
    rest = rest.slice(match[0].length);
  }
  if (rest === undefined) {
    throw new Error(`${where}: ${JSON.stringify(text)} is no path that is understood; allowed are such as ${FORMS}`);
  }
  return (value) => steps.reduce<unknown[]>((found, step) => found.flatMap((one) => follow(one, step)), [value]);
}

function follow(value: unknown, step: Step): unknown[] {
  if (step === 'elements') return Array.isArray(value) ? (value as unknown[]) : [];
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [];
  return Object.hasOwn(value, step.member) ? [(value as Record<string, unknown>)[step.member]] : [];
}
