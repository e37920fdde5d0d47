import { SetupError } from '../local/toolchain';
import { reload, USAGE as RELOAD } from './ops/reload';
import { replay, USAGE as REPLAY } from './ops/replay';

/** `npm run ops -- …`: what an operator does by hand. Each command takes the arguments after its name. */
const COMMANDS: Readonly<Record<string, (args: readonly string[]) => Promise<number>>> = { reload, replay };

async function main([name, ...args]: readonly string[]): Promise<number> {
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';
  if (name !== undefined && Object.hasOwn(COMMANDS, name)) return COMMANDS[name](args);
  throw new SetupError(`npm run ops knows no ${JSON.stringify(name ?? 'nothing')}: use ${RELOAD} or ${REPLAY}`);
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: unknown) => {
    console.error(error instanceof SetupError ? error.message : error);
    process.exit(1);
  },
);
