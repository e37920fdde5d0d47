import { constantOf, withDatabase, withoutSources, withSource } from '../../../scripts/source/edit';

test('an entry goes behind the last one, and nothing else moves', () => {
  const text = `// Ours.\nexport const dev = {\n  databases: {\n    a: { instance: 'a' }, // the first\n  },\n  apis: {},\n};\n`;
  expect(withDatabase(text, 'b', 'b-1')).toBe(text.replace(`'a' },`, `'a' }, b: { instance: 'b-1' },`));
});

test('a source is imported and listed', () => {
  const text = `import type { Source } from 'x';\nimport { a } from './a';\n\n/** All. */\nexport const sources: readonly Source[] = [a];\n`;
  expect(withSource(text, 'my_shop', 'myShop')).toBe(
    `import type { Source } from 'x';\nimport { a } from './a';\nimport { myShop } from './my_shop';\n\n/** All. */\nexport const sources: readonly Source[] = [a, myShop];\n`,
  );
});

test('no source is left of an environment', () => {
  const text = `export const dev = { name: 'dev', databases: { a: { instance: 'a' } }, apis: { b: { url: u('b') } } };`;
  expect(withoutSources(text)).toBe(`export const dev = { name: 'dev', databases: {}, apis: {} };`);
  const kafka = `export const dev = {\n  databases: {},\n  apis: {},\n  kafka: { c: { serverless: {} } },\n};`;
  expect(withoutSources(kafka)).toBe(kafka.replace('{ c: { serverless: {} } }', '{}'));
});

test.each([
  ['shop', 'shop'],
  ['my_shop_2', 'myShop2'],
  ['default', 'defaultSource'],
  ['package', 'packageSource'],
  ['sources', 'sourcesSource'],
])('the source %s is the constant %s', (name, constant) => {
  expect(constantOf(name)).toBe(constant);
});
