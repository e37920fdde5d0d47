import type { z } from 'zod';

/**
 * Checks a value from outside.
 * @param what what the value is, for the message
 * @throws Error in one line: what it is, the field, what is wrong with it.
 */
export function parse<T extends z.ZodType>(what: string, schema: T, value: unknown): z.infer<T> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new Error(`${what}: ${issue.path.join('.') || 'value'}: ${issue.message}`);
}
