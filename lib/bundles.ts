import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { build, buildSync, type BuildOptions, type BuildResult } from 'esbuild';
import type { Platform } from '../lambdas/shared/platform';

const ROOT = join(__dirname, '..');
const LAMBDAS = join(ROOT, 'lambdas');
const bundled = new Map<string, string>();

const OPTIONS: BuildOptions = {
  absWorkingDir: ROOT,
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  // The SDK's ES modules shake down to two thirds of its CommonJS ones.
  mainFields: ['module', 'main'],
  minify: true,
  legalComments: 'none',
  write: false,
  logLevel: 'error',
};

/** The handlers there are: the folders of `lambdas/` that have an `index.ts`. */
export function handlerNames(): string[] {
  return readdirSync(LAMBDAS)
    .filter((name) => existsSync(join(LAMBDAS, name, 'index.ts')))
    .sort();
}

/**
 * The folder with a handler's bundle, `index.js`: the handler, its libraries, the AWS SDK and the declarations
 * (`MORAINE_PLATFORM`) in one file, so that nothing depends on what a runtime brings along.
 *
 * All handlers of an environment are bundled by one call of esbuild, for they share most of their modules. Bundles stay
 * in `.cache/bundles/<environment>` until a handler, a declaration or a package changes. Files are replaced in one step:
 * tests may bundle side by side.
 * @throws Error when there is no such handler.
 */
export function bundle(platform: Platform, name: string): string {
  const names = handlerNames();
  if (!names.includes(name)) {
    throw new Error(`lambdas/${name}/index.ts does not exist: there are ${names.join(', ') || 'no handlers'}`);
  }
  const declarations = JSON.stringify(platform);
  const out = bundled.get(declarations) ?? bundleAll(platform.environment, declarations, names);
  bundled.set(declarations, out);
  return join(out, name);
}

/**
 * Bundles in the background what `bundle` would else bundle when it is asked: esbuild works while this process loads CDK.
 * @throws Error when a handler does not compile.
 */
export async function prepareBundles(platform: Platform): Promise<void> {
  const job = plan(platform.environment, JSON.stringify(platform), handlerNames());
  if (!job.done) save(job, await build(job.options));
}

function bundleAll(environment: string, declarations: string, names: string[]): string {
  const job = plan(environment, declarations, names);
  if (!job.done) save(job, buildSync(job.options));
  return job.outdir;
}

function plan(environment: string, declarations: string, names: string[]) {
  const outdir = join(ROOT, '.cache', 'bundles', environment);
  const stamp = join(outdir, 'stamp');
  const inputs = hashInputs(declarations);
  const entryPoints = names.map((name) => [join(name, 'index'), join(LAMBDAS, name, 'index.ts')]);
  return {
    outdir,
    stamp,
    inputs,
    done: existsSync(stamp) && readFileSync(stamp, 'utf8') === inputs,
    options: {
      ...OPTIONS,
      outdir,
      entryPoints: Object.fromEntries(entryPoints) as Record<string, string>,
      define: { MORAINE_PLATFORM: declarations },
    },
  };
}

function save(job: ReturnType<typeof plan>, result: BuildResult): void {
  for (const file of result.outputFiles ?? []) replace(file.path, file.contents);
  replace(job.stamp, job.inputs);
}

/** What the bundles are made of: the declarations, `lambdas/`, the packages as locked, and how they are bundled. */
function hashInputs(declarations: string): string {
  const hash = createHash('sha256').update(declarations).update(JSON.stringify(OPTIONS));
  hash.update(readFileSync(join(ROOT, 'package-lock.json')));
  for (const name of readdirSync(LAMBDAS, { recursive: true, encoding: 'utf8' }).sort()) {
    if (name.endsWith('.ts')) hash.update(name).update(readFileSync(join(LAMBDAS, name)));
  }
  return hash.digest('hex');
}

function replace(path: string, contents: Uint8Array | string): void {
  mkdirSync(dirname(path), { recursive: true });
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, contents);
  renameSync(draft, path);
}
