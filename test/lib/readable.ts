import { stringify } from 'yaml';
import type { TemplateJson } from './synthesis';

/** Properties that say nothing about the design. */
const LEFT_OUT = new Set(['Tags', 'Metadata', 'CidrBlock', 'DependsOn', 'Description']);
const HASHES = new Set(['HandlerHash', 'SettingsHash', 'TablesHash']);

/**
 * A template as a person reads it: YAML, intrinsics as `<Id.Attribute>`, a statement of a policy in a line, state
 * machines and views as objects; hashes and the environment's name masked, so that environments differ where config does.
 */
export function readable(template: TemplateJson, environment: string): string {
  const names = Object.keys(template.Resources).map((id) => mask(id, environment));
  const twice = names.find((name, place) => names.indexOf(name) !== place);
  if (twice) throw new Error(`Two resources are masked to ${twice}, and one would hide the other`);
  const resources = Object.entries(template.Resources).map(([id, { Type, Properties, DeletionPolicy }]) => [
    mask(id, environment),
    { Type, ...(DeletionPolicy && { DeletionPolicy }), ...(simplify(Properties ?? {}) as object) },
  ]);
  const outputs = Object.entries(template.Outputs ?? {})
    .filter(([, output]) => !output.Export)
    .map(([id, output]) => [id, simplify(output.Value)]);
  const text = stringify(Object.fromEntries([...resources, ['Outputs', Object.fromEntries(outputs)]]), {
    lineWidth: 0,
    aliasDuplicateObjects: false,
  });
  return mask(text, environment);
}

/** What a reader of `base` has to know of `text`: the lines that only one of them has, below their resource's name. */
export function difference(base: string, text: string): string {
  const [a, b] = [base.split('\n'), text.split('\n')];
  const lines: string[] = [];
  let [i, j, section, shown] = [0, 0, '', ''];
  const show = (sign: string, line: string) => {
    if (/^\S/.test(line)) section = line;
    if (shown !== section) lines.push(`@ ${section}`);
    shown = section;
    lines.push(`${sign} ${line}`);
  };
  for (const line of [...longestCommon(a, b), undefined]) {
    for (; i < a.length && a[i] !== line; i++) show('-', a[i]);
    for (; j < b.length && b[j] !== line; j++) show('+', b[j]);
    if (line !== undefined && /^\S/.test(line)) section = line;
    i++;
    j++;
  }
  return lines.join('\n');
}

function longestCommon(a: string[], b: string[]): string[] {
  const table = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      table[i][j] = a[i] === b[j] ? table[i + 1][j + 1] + 1 : Math.max(table[i + 1][j], table[i][j + 1]);
    }
  }
  const common: string[] = [];
  for (let i = 0, j = 0; i < a.length && j < b.length;) {
    if (a[i] === b[j]) {
      common.push(a[i]);
      i++;
      j++;
    } else if (table[i + 1][j] >= table[i][j + 1]) i++;
    else j++;
  }
  return common;
}

function mask(text: string, environment: string): string {
  return text
    .replace(/[0-9a-f]{64}/g, '<asset>')
    .replace(/ApiDeployment[0-9A-F]{8}[0-9a-f]{32}/g, 'ApiDeployment')
    .replace(new RegExp(`ApiDeploymentStage${environment}(\\w*?)[0-9A-F]{8}\\b`, 'g'), 'ApiDeploymentStage$1')
    .replace(new RegExp(`moraine${environment}\\w+`, 'g'), 'moraine<env>')
    .replaceAll(`moraine-${environment}`, 'moraine-<env>')
    .replace(new RegExp(`\\b${environment}(?=_|\\b)`, 'g'), '<env>');
}

function simplify(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(simplify);
  if (typeof value !== 'object' || value === null) return value;
  const object = value as Record<string, unknown>;
  if (Object.keys(object).length === 1) {
    const intrinsic = flatten(object);
    if (intrinsic !== undefined) return intrinsic;
  }
  if ('Effect' in object && 'Action' in object) return statement(object);
  const entries = Object.entries(object).filter(([key]) => !LEFT_OUT.has(key));
  return Object.fromEntries(
    entries.map(([key, inner]) => {
      if (HASHES.has(key)) return [key, '<hash>'];
      if (key === 'DefinitionString') return [key, JSON.parse(text(inner))];
      if (key === 'ViewOriginalText') return [key, view(String(inner))];
      return [key, simplify(inner)];
    }),
  );
}

/** A view of Presto's family, which is JSON in base64. */
function view(original: string): unknown {
  const [, base64 = ''] = /^\/\* Presto View: (\S+) \*\/$/.exec(original) ?? [];
  return JSON.parse(Buffer.from(base64, 'base64').toString('utf8'));
}

function flatten(object: Record<string, unknown>): string | undefined {
  const [[name, argument]] = Object.entries(object);
  switch (name) {
    case 'Ref':
      return `<${argument as string}>`;
    case 'Fn::GetAtt':
      return `<${(argument as string[]).join('.')}>`;
    case 'Fn::ImportValue':
      return `<${(argument as string).replace(/^moraine-\w+-(\w+):ExportsOutput(?:Ref|FnGetAtt)(\w+?)[0-9A-F]{8}$/, '$1: $2')}>`;
    case 'Fn::Join':
      return (argument as [string, unknown[]])[1].map(text).join((argument as [string])[0]);
    case 'Fn::Sub':
      return String(argument).replace(/\$\{([^}]+)\}/g, '<$1>');
    case 'Fn::Select':
      return `<${text((argument as unknown[])[1])}[${String((argument as unknown[])[0])}]>`;
    case 'Fn::GetAZs':
      return 'AZs';
    default:
      return undefined;
  }
}

function text(value: unknown): string {
  const simple = simplify(value);
  return typeof simple === 'string' ? simple : JSON.stringify(simple);
}

function statement(object: Record<string, unknown>): string {
  const list = (value: unknown) => (Array.isArray(value) ? value.map(text).join(', ') : text(value));
  const who = object.Principal ? ` ${list(object.Principal)}:` : '';
  const on = object.Resource ? ` on ${list(object.Resource)}` : '';
  const when = object.Condition ? ` if ${JSON.stringify(simplify(object.Condition))}` : '';
  return `${String(object.Effect)}${who} ${list(object.Action)}${on}${when}`;
}
