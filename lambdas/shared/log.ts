/** Writes one log entry; with Lambda's JSON log format its fields can be queried by name. */
export function log(message: string, fields: Readonly<Record<string, unknown>> = {}): void {
  console.log({ message, ...fields });
}
