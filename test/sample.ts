import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../local/toolchain';

/** Whether the sample company is here. A fork that has removed it leaves out the tests of what it declares. */
export const hasSample = existsSync(join(ROOT, 'sample'));

/** A test of what the sample declares. Files that are all about it are left out by jest.config.js. */
export const testOfSample = (name: string, run: () => void): void =>
  hasSample ? test(name, run) : test.skip(`${name} (of the sample company, which is removed)`, run);
