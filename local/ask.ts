import { localUrl } from './api';
import { signer } from './parts';
import type { Platform } from '../lambdas/shared/platform';

/** A request of the API, as a client on AWS would sign it. @returns its JSON @throws Error with the status otherwise */
export async function ask(base: string, path: string): Promise<Record<string, unknown>> {
  const answer = await signer().fetch(`${base}${path}`);
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${text}`);
  return JSON.parse(text) as Record<string, unknown>;
}

/** One request for each endpoint that is declared, with the first value allowed for each parameter that it requires. */
export const examples = (platform: Platform): string[] =>
  platform.endpoints.map(({ path, parameters }) => {
    const query = parameters.filter((p) => p.required && p.values).map((p) => `${p.name}=${p.values?.[0]}`);
    return query.length > 0 ? `${path}?${query.join('&')}` : path;
  });

/** Asks the API for the state of everything, and each endpoint once. @returns a line for each answer */
export async function tryApi(endpoint: string, url: string, platform: Platform): Promise<string[]> {
  const base = localUrl(endpoint, url);
  const lines = [`GET /health: ${String((await ask(base, '/health')).status)}`];
  for (const example of examples(platform)) {
    const { count, data } = (await ask(base, example)) as { count: number; data: unknown[] };
    lines.push(`GET ${example}: ${count} rows, the first ${JSON.stringify(data[0])}`);
  }
  return lines;
}
