import { GetCommand, PutCommand, type DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { z } from 'zod';
import { parse } from '../shared/parse';

/** What has to be known of a replication from one event of a deployment to the next. */
const notes = z.object({
  /** A deployment stopped it, and it is to go on. */
  paused: z.boolean().default(false),
  /** Settings with which it failed last: an update away from them is a rollback, which must not fail as well. */
  failed: z.string().optional(),
});
export type Notes = z.infer<typeof notes>;

/** The item of a replication in the table of run records: `pk` `replication#<identifier>`, `sk` `control`. */
export class Memory {
  private readonly key: { pk: string; sk: string };

  constructor(
    private readonly table: string,
    private readonly documents: DynamoDBDocumentClient,
    identifier: string,
  ) {
    this.key = { pk: `replication#${identifier}`, sk: 'control' };
  }

  async read(): Promise<Notes> {
    const found = await this.documents.send(
      new GetCommand({ TableName: this.table, Key: this.key, ConsistentRead: true }),
    );
    return parse(this.key.pk, notes, found.Item ?? {});
  }

  async note(change: Partial<Notes>): Promise<void> {
    const Item = { ...(await this.read()), ...change, ...this.key };
    await this.documents.send(new PutCommand({ TableName: this.table, Item }));
  }
}
