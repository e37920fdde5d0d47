import { isDeepStrictEqual } from 'node:util';
import type { Client } from 'pg';
import { company, type Question } from './company';
import { signer } from './parts';
import type { Platform } from '../lambdas/shared/platform';

/** A request of the API, as a client on AWS would sign it. @returns its JSON @throws Error with the status otherwise */
export async function ask(base: string, path: string): Promise<Record<string, unknown>> {
  const answer = await signer().fetch(`${base}${path}`);
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${text}`);
  return JSON.parse(text) as Record<string, unknown>;
}

/**
 * A request for each endpoint that is declared, with the first value allowed for each parameter that it requires. An
 * endpoint that requires a value of which nobody says an example is left out.
 */
const examples = (platform: Platform): string[] =>
  platform.endpoints
    .map(({ path, parameters }) => ({ path, required: parameters.filter((p) => p.required) }))
    .filter(({ required }) => required.every((p) => p.values))
    .map(({ path, required }) => {
      const query = required.map((p) => `${p.name}=${p.values?.[0]}`);
      return query.length > 0 ? `${path}?${query.join('&')}` : path;
    });

/** The rows of a question's SQL, as JSON has them. */
async function rowsOf(source: Client, { sql }: Question): Promise<unknown[]> {
  const { rows } = await source.query<{ rows: unknown[] }>(
    `select coalesce(json_agg(t), '[]') as rows from (${sql}) t`,
  );
  return rows[0].rows;
}

/** In words, whether an answer is the source's own; the first row that differs otherwise. */
function compare(path: string, got: readonly unknown[], right: readonly unknown[]): Answer {
  const place = [...Array(Math.max(got.length, right.length)).keys()].find((i) => !isDeepStrictEqual(got[i], right[i]));
  if (place === undefined) {
    return {
      line: `GET ${path}: ${got.length} rows, as SQL on the source says, the first ${JSON.stringify(got[0])}`,
      right: true,
    };
  }
  const [here, there] = [got, right].map((rows) => JSON.stringify(rows[place]) ?? 'nothing');
  return {
    line: `GET ${path}: row ${place + 1} is ${here}; SQL on the source says ${there} (${got.length} rows, ${right.length} there)`,
    right: false,
  };
}

/** An answer of the API in a line, and whether it is known to be wrong. */
export interface Answer {
  readonly line: string;
  readonly right: boolean;
}

/** Asks the API the company's questions and compares with SQL on the source; without any, each endpoint once. */
export async function tryApi(base: string, platform: Platform, source: Client): Promise<Answer[]> {
  const answers: Answer[] = [];
  const rows = async (path: string) => (await ask(base, path)).data as unknown[];
  for (const question of company.questions) {
    answers.push(compare(question.path, await rows(question.path), await rowsOf(source, question)));
  }
  for (const path of company.questions.length > 0 ? [] : examples(platform)) {
    const data = await rows(path);
    answers.push({ line: `GET ${path}: ${data.length} rows, the first ${JSON.stringify(data[0])}`, right: true });
  }
  return [{ line: `GET /health: ${String((await ask(base, '/health')).status)}`, right: true }, ...answers];
}
