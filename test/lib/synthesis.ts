import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, Stack } from 'aws-cdk-lib';
import type { CloudAssembly } from 'aws-cdk-lib/cx-api';
import { environment as environmentOf } from '../../config';
import type { Environment } from '../../config/environment';
import type { Source } from '../../lambdas/shared/source';
import { readDeclarations } from '../../lib/declarations';
import { PlatformStage } from '../../lib/platform';
import { sources } from '../../sources';

// The rules of this folder say more than CDK's own check of templates, which takes two seconds for each of them.
process.env.CDK_VALIDATION = 'false';

export interface Resource {
  readonly Type: string;
  readonly Properties?: Record<string, unknown>;
  readonly DeletionPolicy?: string;
  readonly UpdateReplacePolicy?: string;
}

export interface TemplateJson {
  readonly Resources: Record<string, Resource>;
  readonly Outputs?: Record<string, { Value: unknown; Export?: unknown }>;
}

export interface Synthesis {
  readonly app: App;
  readonly stage: PlatformStage;
  readonly assembly: CloudAssembly;
  /** Templates by the stack's id, for example `Foundation`. */
  readonly templates: Record<string, TemplateJson>;
}

const done = new Map<string, Synthesis>();
const outputs: string[] = [];
afterAll(() => {
  for (const outdir of outputs) rmSync(outdir, { recursive: true, force: true });
});

/** An environment as it stands in `config/`, synthesized once for each test file. */
export function synthesis(name: string): Synthesis {
  const one = done.get(name) ?? synthesize(name);
  done.set(name, one);
  return one;
}

/**
 * Synthesizes an environment as `npm run synth` does: with the flags of `cdk.json`, without credentials.
 * @param declarations the folder with `contracts/` and `dbt/models/`; the repo by default
 */
export function synthesize(
  name: string,
  overrides: Partial<Environment> = {},
  declared: readonly Source[] = sources,
  declarations?: string,
): Synthesis {
  const root = join(__dirname, '..', '..');
  const { context } = JSON.parse(readFileSync(join(root, 'cdk.json'), 'utf8')) as { context: Record<string, unknown> };
  const outdir = mkdtempSync(join(tmpdir(), 'moraine-synth-'));
  outputs.push(outdir);
  const app = new App({ context, outdir });
  const environment = { ...environmentOf(name), ...overrides };
  const platform = readDeclarations({ environment, sources: declared, root: declarations });
  const stage = new PlatformStage(app, { environment, platform });
  const assembly = app.synth().getNestedAssembly(stage.artifactId);
  const stacks = stage.node.children.filter((child) => Stack.isStack(child));
  const templates = stacks.map((stack) => [
    stack.node.id,
    assembly.getStackArtifact(stack.artifactId).template as TemplateJson,
  ]);
  return { app, stage, assembly, templates: Object.fromEntries(templates) as Record<string, TemplateJson> };
}

/** What lies at a path of names and indexes within parsed JSON; undefined when there is nothing. */
export function at(value: unknown, ...path: (string | number)[]): unknown {
  return path.reduce<unknown>((inner, key) => (inner as Record<string | number, unknown> | undefined)?.[key], value);
}

/** Every resource of every stack, with the stack's id and its own. */
export function resources(of: Synthesis): { stack: string; id: string; resource: Resource }[] {
  return Object.entries(of.templates).flatMap(([stack, template]) =>
    Object.entries(template.Resources).map(([id, resource]) => ({ stack, id, resource })),
  );
}
