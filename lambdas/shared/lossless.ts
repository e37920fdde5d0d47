import { isLossy } from './numbers';

/** A number of a JSON text that a double would change, as it is written there. */
export class Digits {
  constructor(readonly text: string) {}
}

/** Numbers of at most 15 digits survive `JSON.parse`; only a text with a longer one, or a large power, is read twice. */
const RISKY = /[\d.]{16}|\d[eE][+-]?\d{3}/;
const TOKEN = /[\s,:]*("[^"\\]*(?:\\.[^"\\]*)*"|[[\]{}]|[^\s,:[\]{}"]+)/y;

/**
 * `JSON.parse` that changes no number: one that a double does not keep, such as 9007199254740993, comes as `Digits`.
 * (Its reviver learns a number's text from Node 21 on only.)
 * @throws SyntaxError when the text is not JSON.
 */
export function parseLossless(text: string): unknown {
  const value: unknown = JSON.parse(text);
  if (!RISKY.test(text)) return value;
  TOKEN.lastIndex = 0;
  return read(text, next(text));
}

/** The value that begins with a token. The text is known to be JSON: only its structure is followed. */
function read(text: string, token: string): unknown {
  if (token === '[') {
    const elements: unknown[] = [];
    for (let each = next(text); each !== ']'; each = next(text)) elements.push(read(text, each));
    return elements;
  }
  if (token === '{') {
    const members: [string, unknown][] = [];
    for (let name = next(text); name !== '}'; name = next(text)) {
      members.push([JSON.parse(name) as string, read(text, next(text))]);
    }
    return Object.fromEntries(members);
  }
  return /^[-\d]/.test(token) && isLossy(token) ? new Digits(token) : JSON.parse(token);
}

const next = (text: string): string => TOKEN.exec(text)?.[1] ?? '';

/** `JSON.stringify` of what `parseLossless` gives: `Digits` are written as they were. */
export function stringifyLossless(value: unknown): string {
  if (value instanceof Digits) return value.text;
  if (Array.isArray(value)) return `[${value.map(stringifyLossless).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  return `{${Object.entries(value)
    .map(([name, each]) => `${JSON.stringify(name)}:${stringifyLossless(each)}`)
    .join(',')}}`;
}
