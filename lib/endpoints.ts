import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { Contract } from '../lambdas/shared/contract';
import type { Endpoint } from '../lambdas/shared/endpoint';
import { readYaml } from './yaml';

const endpoint = z.strictObject({
  path: z.string().regex(/^\/[a-z0-9_/-]+$/, 'a path such as /analytics/sales'),
  summary: z.string().min(1),
  parameters: z
    .array(
      z.strictObject({
        name: z.string().regex(/^[a-z][a-z0-9_]*$/),
        column: z.string(),
        required: z.boolean().default(false),
        /** The values allowed. */
        values: z.array(z.string()).optional(),
        /** `<dataset>.<column>`: the values that this column's contract allows. */
        values_from: z.string().optional(),
      }),
    )
    .default([]),
  order: z.array(z.string()).default([]),
});

const file = z.object({
  models: z
    .array(
      z.object({
        name: z.string(),
        config: z.object({ meta: z.object({ endpoint: z.unknown().optional() }).optional() }).optional(),
        columns: z
          .array(z.object({ name: z.string(), data_type: z.string().optional(), description: z.string().default('') }))
          .default([]),
      }),
    )
    .default([]),
});

type Model = z.infer<typeof file>['models'][number];

/**
 * The endpoints that dbt's models declare (`config.meta.endpoint` in `dbt/models/**` YAML), in order of their paths.
 * The columns of the answer are the model's own.
 * @throws Error naming the file and the model when an endpoint is wrong, or two have one path.
 */
export function readEndpoints(root: string, contracts: readonly Contract[]): readonly Endpoint[] {
  const found = new Map<string, { endpoint: Endpoint; where: string }>();
  for (const path of modelFiles(root)) {
    for (const model of parseModels(root, path)) {
      if (model.config?.meta?.endpoint === undefined) continue;
      const where = `${path}: model ${model.name}: endpoint`;
      const one = parseEndpoint(where, model, contracts);
      const other = found.get(one.path);
      if (other) throw new Error(`${where}: path ${one.path} is taken by ${other.where}; give it another`);
      found.set(one.path, { endpoint: one, where });
    }
  }
  return [...found.values()].map((one) => one.endpoint).sort((a, b) => (a.path < b.path ? -1 : 1));
}

function parseModels(root: string, path: string): Model[] {
  const parsed = file.safeParse(readYaml(root, path) ?? {});
  if (parsed.success) return parsed.data.models;
  const issue = parsed.error.issues[0];
  throw new Error(`${path}: ${issue.path.join('.')}: ${issue.message}`);
}

function modelFiles(root: string): string[] {
  return readdirSync(join(root, 'dbt', 'models'), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.ya?ml$/.test(name))
    .sort()
    .map((name) => `dbt/models/${name.replaceAll('\\', '/')}`);
}

function parseEndpoint(where: string, model: Model, contracts: readonly Contract[]): Endpoint {
  const parsed = endpoint.safeParse(model.config?.meta?.endpoint);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new Error(`${where}: ${issue.path.join('.') || 'it'}: ${issue.message}`);
  }
  const { path, summary, order } = parsed.data;
  const names = model.columns.map((column) => column.name);
  const known = (what: string, name: string) => {
    if (!names.includes(name)) throw new Error(`${where}: ${what} ${name} is no column: there are ${names.join(', ')}`);
  };
  for (const item of order) known('order', item.replace(/ desc$/, ''));
  const parameters = parsed.data.parameters.map(({ name, column, required, values, values_from: from }) => {
    known(`parameter ${name}: column`, column);
    if (values && from) throw new Error(`${where}: parameter ${name}: give values or values_from, not both`);
    const allowed = from ? valuesOf(`${where}: parameter ${name}: values_from`, from, contracts) : values;
    return { name, column, required, ...(allowed && { values: allowed }) };
  });
  const columns = model.columns.map((column) => {
    if (!column.data_type) throw new Error(`${where}: column ${column.name} has no data_type; give it one`);
    return { name: column.name, type: column.data_type, description: column.description };
  });
  return { path, summary, model: model.name, parameters, columns, order };
}

function valuesOf(where: string, from: string, contracts: readonly Contract[]): readonly string[] {
  const [dataset, name] = from.split('.');
  const contract = contracts.find((one) => one.dataset === dataset);
  if (!contract) {
    throw new Error(
      `${where}: ${from}: no contract of that name: there are ${contracts.map((c) => c.dataset).join(', ')}`,
    );
  }
  const values = contract.columns.find((column) => column.name === name)?.validValues;
  if (!values) {
    throw new Error(
      `${where}: ${from}: contracts/${dataset}.odcs.yaml gives this column no invalidValues rule with validValues`,
    );
  }
  return values;
}
