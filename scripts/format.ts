import { venv } from '../local/toolchain';
import { bin, command, run, steps } from './process';

/** `npm run format`: puts every file into the form that `npm run check` asks for. */
command(async () => {
  await steps([
    [
      'prettier',
      () => run(process.execPath, [bin('prettier/bin/prettier.cjs'), '--write', '--log-level', 'warn', '.']),
    ],
    ['ruff check --fix', () => run(venv('ruff'), ['check', '--fix', '--quiet', '.'])],
    ['ruff format', () => run(venv('ruff'), ['format', '--quiet', '.'])],
  ]);
});
