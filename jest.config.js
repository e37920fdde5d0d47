const { existsSync } = require('node:fs');

/** What the sample company declares is tried in these; a fork that has removed it leaves them out. */
const ofSample = [
  'lib/api',
  'lib/change-capture',
  'lib/constructs',
  'lib/replay',
  'lib/kafka',
  'lib/snapshot-export',
  'lib/templates',
  'scripts/ops/reload',
  'end-to-end',
  'fork',
  'schema-change',
  'streams',
];

/** Handlers, planners, constructs and templates; the rest is pytest's (pyproject.toml). */
module.exports = {
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  testPathIgnorePatterns: [
    '/node_modules/',
    ...(existsSync(`${__dirname}/sample`) ? [] : ofSample.map((name) => `<rootDir>/test/${name}.test.ts`)),
  ],
  modulePathIgnorePatterns: ['<rootDir>/cdk.out', '<rootDir>/.cache', '<rootDir>/.local'],
  transform: {
    '^.+\\.ts$': ['@swc/jest', { jsc: { target: 'es2022', parser: { syntax: 'typescript' } } }],
    // jose comes as ES modules only.
    'node_modules/jose/.+\\.js$': ['@swc/jest', { jsc: { target: 'es2022' }, module: { type: 'commonjs' } }],
  },
  transformIgnorePatterns: ['/node_modules/(?!jose/)'],
  testTimeout: 60_000,
};
