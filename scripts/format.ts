import { ensureToolchain, venv } from '../local/toolchain';
import { bin, run, steps } from './process';

/** `npm run format`: puts every file into the form that `npm run check` asks for. */
void (async () => {
  ensureToolchain();
  await steps([
    [
      'prettier',
      () => run(process.execPath, [bin('prettier/bin/prettier.cjs'), '--write', '--log-level', 'warn', '.']),
    ],
    ['ruff check --fix', () => run(venv('ruff'), ['check', '--fix', '--quiet', '.'])],
    ['ruff format', () => run(venv('ruff'), ['format', '--quiet', '.'])],
  ]);
})();
