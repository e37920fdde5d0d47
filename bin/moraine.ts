import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { environment as environmentOf, warnings } from '../config';
import { prepareBundles } from '../lib/bundles';
import { readDeclarations } from '../lib/declarations';
import { sources } from '../sources';

const load = createRequire(__filename);
/** Collected by `npm run deploy`. */
const wheels = join(__dirname, '..', '.cache', 'dbt-wheels');

async function main(): Promise<void> {
  const app = new App();
  const environment = environmentOf(app.node.tryGetContext('env'));
  for (const warning of warnings(environment)) console.warn(`Warning: ${warning}`);
  const platform = readDeclarations({ environment, sources });
  // The rest of CDK takes as long to load as esbuild takes to bundle the handlers: both at once.
  const bundles = prepareBundles(platform);
  const { PlatformStage } = load('../lib/platform') as typeof import('../lib/platform');
  await bundles;
  new PlatformStage(app, { environment, platform, wheels: existsSync(wheels) ? wheels : undefined });
}

main().catch((error: unknown) => {
  console.error((error as Error).message);
  process.exit(1);
});
