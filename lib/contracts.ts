import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { parseContract, type Contract } from '../lambdas/shared/contract';
import { readYaml } from './yaml';

/**
 * The contracts of `contracts/*.odcs.yaml`, by name of dataset.
 * @param root the folder with `contracts/`
 * @throws Error in one line when one is wrong, or two can't be told apart.
 */
export function readContracts(root: string): Contract[] {
  const files = readdirSync(join(root, 'contracts'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.odcs.yaml'))
    .sort();
  const deeper = files.find((file) => basename(file) !== file);
  if (deeper) throw new Error(`contracts/${deeper}: stands in a folder of its own; put it into contracts/ itself`);
  const documents = new Map(files.map((file) => [`contracts/${file}`, readYaml(root, `contracts/${file}`)]));
  checkDistinct(documents);
  return [...documents].map(([file, yaml]) => parseContract(file, yaml));
}

const text = z.string().optional().catch(undefined);
const named = z.object({
  id: text,
  name: text,
  schema: z
    .array(z.object({ name: text }))
    .optional()
    .catch(undefined),
});

/**
 * Contracts that are told apart: one that was copied and not renamed would take the other's place.
 * @param documents parsed YAML by the file's name
 * @throws Error in one line that names both files.
 */
function checkDistinct(documents: ReadonlyMap<string, unknown>): void {
  const seen = new Map<string, string>();
  for (const [file, yaml] of documents) {
    const { data } = named.safeParse(yaml);
    for (const [field, value] of Object.entries({ dataset: data?.schema?.[0]?.name, id: data?.id, name: data?.name })) {
      if (value === undefined) continue;
      const other = seen.get(`${field} ${value}`);
      if (other) {
        throw new Error(
          `${file}: ${field} is ${JSON.stringify(value)}, as in ${other}; each contract has its own: remove one file, or correct it`,
        );
      }
      seen.set(`${field} ${value}`, file);
    }
  }
}
