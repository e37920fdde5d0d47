import ts from 'typescript';

/** Edits of the declarations that people edit too: a place is found in the parsed file, and nothing else moves. */

/** An edit could not find its place. The message says what was looked for. */
export class NoPlace extends Error {}

const parse = (text: string): ts.SourceFile => ts.createSourceFile('file.ts', text, ts.ScriptTarget.ES2023, true);

/** What stands before `as const` or `satisfies …`. */
const plain = (node: ts.Expression): ts.Expression =>
  ts.isAsExpression(node) || ts.isSatisfiesExpression(node) ? plain(node.expression) : node;

/** The initializer of the file's `export const …`, of which there is one that `wanted` takes. */
function exported<T extends ts.Expression>(
  file: ts.SourceFile,
  wanted: (node: ts.Expression) => node is T,
): T | undefined {
  for (const statement of file.statements) {
    if (!ts.isVariableStatement(statement)) continue;
    for (const { initializer } of statement.declarationList.declarations) {
      const value = initializer && plain(initializer);
      if (value && wanted(value)) return value;
    }
  }
  return undefined;
}

const nameOf = (node: ts.ObjectLiteralElementLike): string | undefined =>
  node.name && (ts.isIdentifier(node.name) || ts.isStringLiteral(node.name)) ? node.name.text : undefined;

function member(object: ts.ObjectLiteralExpression, name: string): ts.ObjectLiteralExpression | undefined {
  const found = object.properties.find((each) => nameOf(each) === name);
  return found && ts.isPropertyAssignment(found) && ts.isObjectLiteralExpression(found.initializer)
    ? found.initializer
    : undefined;
}

/** Puts `text` after the last of a list's elements, before its closing bracket. */
function append(file: ts.SourceFile, list: ts.Node, elements: ts.NodeArray<ts.Node>, text: string): string {
  const source = file.text;
  const last = elements.at(-1);
  const at = last ? last.end : list.end - 1;
  const comma = last ? ', ' : ' ';
  return `${source.slice(0, at)}${comma}${text}${source.slice(at)}`;
}

const entries = (file: ts.SourceFile, field: string): ts.ObjectLiteralExpression => {
  const environment = exported(file, ts.isObjectLiteralExpression);
  const found = environment && member(environment, field);
  if (!found) throw new NoPlace(`it exports no object with ${field}: { … }`);
  return found;
};

/**
 * An environment (`config/<name>.ts`) with one more entry in `databases`; as it is when it has one of that name.
 * @throws NoPlace when there is no `databases: { … }` to add to
 */
export function withDatabase(text: string, name: string, instance: string): string {
  const file = parse(text);
  const databases = entries(file, 'databases');
  if (databases.properties.some((each) => nameOf(each) === name)) return text;
  return append(file, databases, databases.properties, `${name}: { instance: '${instance}' }`);
}

/** An environment without a single database, API and Kafka cluster. @throws NoPlace likewise */
export function withoutSources(text: string): string {
  const environment = exported(parse(text), ts.isObjectLiteralExpression);
  const optional = environment && member(environment, 'kafka') ? ['kafka'] : [];
  return ['databases', 'apis', ...optional].reduce((before, field) => {
    const { pos, end } = entries(parse(before), field);
    return `${before.slice(0, pos)} {}${before.slice(end)}`;
  }, text);
}

/**
 * `sources/index.ts` with one more source.
 * @throws NoPlace when it exports no list of sources
 */
export function withSource(text: string, file: string, constant: string): string {
  const parsed = parse(text);
  const list = exported(parsed, ts.isArrayLiteralExpression);
  if (!list) throw new NoPlace('it exports no list of sources: [ … ]');
  if (list.elements.some((each) => each.getText() === constant)) return text;
  const added = append(parsed, list, list.elements, constant);
  const last = parsed.statements.findLast(ts.isImportDeclaration);
  const at = last?.end ?? 0;
  return `${added.slice(0, at)}\nimport { ${constant} } from './${file}';${added.slice(at)}`;
}

/** Words that no constant can be called. */
const RESERVED =
  /^(sources|arguments|await|async|eval|let|static|yield|implements|interface|package|private|protected|public)$/;

/** The constant of a source's declaration: `my_shop` is `myShop`; one that TypeScript reserves gets `Source` at its end. */
export function constantOf(name: string): string {
  const camel = name.replaceAll(/_+(\w)/g, (_, letter: string) => letter.toUpperCase());
  const isKeyword = ts.identifierToKeywordKind(ts.factory.createIdentifier(camel)) !== undefined;
  return isKeyword || RESERVED.test(camel) ? `${camel}Source` : camel;
}
