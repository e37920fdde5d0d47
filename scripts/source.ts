import { SetupError } from '../local/toolchain';
import { command } from './process';
import { newDatabase } from './source/new-database';
import { removeSample } from './source/remove-sample';
import { USAGE } from './source/wanted';

/** `npm run source -- …`: writes declarations. Each command takes the arguments after its words. */
const COMMANDS: readonly { words: string; usage: string; run: (args: readonly string[]) => Promise<number> }[] = [
  { words: 'new database', usage: USAGE, run: newDatabase },
  { words: 'remove-sample', usage: 'npm run source -- remove-sample', run: removeSample },
];

command(async () => {
  const args = process.argv.slice(2);
  const known = COMMANDS.find(({ words }) => words.split(' ').every((word, at) => args[at] === word));
  if (!known) {
    const asked = args.slice(0, 2).filter((arg) => !arg.startsWith('-'));
    const known = COMMANDS.map(({ usage }) => usage).join('; ');
    throw new SetupError(`npm run source knows no ${JSON.stringify(asked.join(' ') || 'nothing')}: use ${known}`);
  }
  process.exit(await known.run(args.slice(known.words.split(' ').length)));
});
