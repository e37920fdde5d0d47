import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { environment as environmentOf } from '../../config';
import { bundle, handlerNames } from '../../lib/bundles';
import { readDeclarations } from '../../lib/declarations';
import { sources } from '../../sources';

const LIMIT = 1024 * 1024;

describe.each(handlerNames())('the bundle of %s', (name) => {
  const folder = bundle(readDeclarations({ environment: environmentOf('prod'), sources }), name);

  test('is under 1 MB zipped', () => {
    const files = readdirSync(folder).map((file) => readFileSync(join(folder, file)));
    const zipped = files.reduce((sum, file) => sum + deflateRawSync(file, { level: 9 }).length, 0);
    expect(zipped).toBeLessThan(LIMIT);
  });

  test('brings along all that it needs, the SDK included', () => {
    // Away from the repo, whose packages Node would find.
    const alone = mkdtempSync(join(tmpdir(), 'moraine-bundle-'));
    try {
      cpSync(folder, alone, { recursive: true });
      const ask = `process.stdout.write(typeof require(${JSON.stringify(join(alone, 'index.js'))}).handler)`;
      const env = { ...process.env, NODE_PATH: '', AWS_REGION: 'eu-central-1' };
      const told = execFileSync(process.execPath, ['-e', ask], { cwd: alone, env, encoding: 'utf8', stdio: 'pipe' });
      expect(told).toBe('function');
    } finally {
      rmSync(alone, { recursive: true, force: true });
    }
  });
});
