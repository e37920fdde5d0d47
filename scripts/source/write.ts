import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { ROOT } from '../../local/toolchain';

/** A file of the repo. @returns undefined when there is none */
export const read = (path: string): string | undefined =>
  existsSync(join(ROOT, path)) ? readFileSync(join(ROOT, path), 'utf8') : undefined;

/** Writes files of the repo, TypeScript and YAML in Prettier's form. */
export async function write(files: Readonly<Record<string, string>>): Promise<void> {
  const formatted: [string, string][] = [];
  for (const [path, text] of Object.entries(files)) {
    const filepath = join(ROOT, path);
    const options = await resolveConfig(filepath);
    formatted.push([filepath, path.endsWith('.sql') ? text : await format(text, { ...options, filepath })]);
  }
  for (const [path, text] of formatted) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
}
