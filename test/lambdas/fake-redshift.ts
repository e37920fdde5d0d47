import { RedshiftDataClient, type Field } from '@aws-sdk/client-redshift-data';
import { fake } from './fakes';

export type Rows = readonly Readonly<Record<string, string | number | boolean | null>>[];

/** The Data API: each statement is answered by `run`, is first seen running, and its result comes two rows a page. */
export function fakeRedshift(run: (sql: string) => Rows | Error) {
  const results: (Rows | Error)[] = [];
  const polled = new Set<string>();
  const field = (value: string | number | boolean | null): Field => {
    if (value === null) return { isNull: true };
    if (typeof value === 'string') return { stringValue: value };
    if (typeof value === 'boolean') return { booleanValue: value };
    return Number.isInteger(value) ? { longValue: value } : { doubleValue: value };
  };
  return fake(new RedshiftDataClient({ region: 'us-east-1' }), {
    ExecuteStatement: (input: { Sql: string }) => ({ Id: String(results.push(run(input.Sql)) - 1) }),
    DescribeStatement: ({ Id }: { Id: string }) => {
      if (!polled.has(Id)) {
        polled.add(Id);
        return { Status: 'STARTED' };
      }
      const result = results[Number(Id)];
      if (result instanceof Error) return { Status: 'FAILED', Error: `ERROR: ${result.message}` };
      return { Status: 'FINISHED', HasResultSet: result.length > 0 };
    },
    GetStatementResult: ({ Id, NextToken }: { Id: string; NextToken?: string }) => {
      const rows = results[Number(Id)] as Rows;
      const at = Number(NextToken ?? 0);
      return {
        ColumnMetadata: Object.keys(rows[0]).map((name) => ({ name })),
        Records: rows.slice(at, at + 2).map((row) => Object.values(row).map(field)),
        NextToken: at + 2 < rows.length ? String(at + 2) : undefined,
      };
    },
  });
}
