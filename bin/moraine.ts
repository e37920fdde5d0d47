import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { environment as environmentOf } from '../config';
import { readDeclarations } from '../lib/declarations';
import { PlatformStage } from '../lib/platform';
import { sources } from '../sources';

/** Collected by `npm run deploy`. */
const wheels = join(__dirname, '..', '.cache', 'dbt-wheels');

const app = new App();
try {
  const environment = environmentOf(app.node.tryGetContext('env'));
  const platform = readDeclarations({ environment, sources });
  new PlatformStage(app, { environment, platform, wheels: existsSync(wheels) ? wheels : undefined });
} catch (error) {
  console.error((error as Error).message);
  process.exit(1);
}
