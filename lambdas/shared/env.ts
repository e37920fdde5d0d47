import { z } from 'zod';

/** A variable that must be there and not empty. */
export const text = z.string().min(1);

/** A variable that holds JSON of a given shape. */
export const json = <T extends z.ZodType>(schema: T) =>
  z
    .string()
    .transform((value, context): unknown => {
      try {
        return JSON.parse(value);
      } catch {
        context.addIssue({ code: 'custom', message: 'is not JSON' });
        return z.NEVER;
      }
    })
    .pipe(schema);

/** The variables of a process, as `process.env` gives them. */
export type Variables = Readonly<Record<string, string | undefined>>;

/**
 * Reads a handler's configuration out of its environment variables.
 * @throws Error in one line: the variable, the value got, what is expected.
 */
export function readEnv<S extends z.ZodRawShape>(shape: S, variables: Variables): z.infer<z.ZodObject<S>> {
  const parsed = z.object(shape).safeParse(variables);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const name = String(issue.path[0]);
  const got = variables[name];
  throw new Error(
    got === undefined
      ? `Environment variable ${name} is not set; the handler's construct in lib/ sets it.`
      : `Environment variable ${name} is ${JSON.stringify(got)}: ${issue.message}. The handler's construct in lib/ sets it.`,
  );
}
