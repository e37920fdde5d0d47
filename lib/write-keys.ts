import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import { isKeyed } from '../lambdas/shared/collector-source';
import type { Basis } from './basis';
import type { Handler } from './handler';
import { SourceSecret } from './source-secret';

/**
 * A secret for each collector whose senders have a write key, `moraine/<environment>/<source>`. Whoever runs the pages
 * puts the keys in; several are good at once, so that a new one can be published before the old one is taken out:
 *
 *     aws secretsmanager put-secret-value --secret-id moraine/dev/clicks --secret-string '{"keys": ["…", "…"]}'
 */
export class WriteKeys extends Construct {
  /** By the dataset. */
  private readonly secrets: ReadonlyMap<string, Secret>;
  private readonly key: IKey;

  constructor(scope: Construct, id: string, basis: Basis) {
    super(scope, id);
    this.key = basis.key;
    const collectors = basis.platform.sources.filter((one) => one.kind === 'collector').filter(isKeyed);
    this.secrets = new Map(
      collectors.map(({ name, dataset }) => [
        dataset,
        new SourceSecret(this, name, {
          ...basis,
          source: name,
          description: `The write keys of sources/${name}.ts`,
          notRotated: 'Pages and programs hold the keys: who publishes them renews both, two at a time.',
        }),
      ]),
    );
  }

  /** Lets `handler` read the keys, and tells it in the variable `WRITE_KEYS` which secret has those of a dataset. */
  grantRead(handler: Handler): void {
    const arns = [...this.secrets].map(([dataset, { secretArn }]) => [dataset, secretArn] as const);
    handler.addEnvironment('WRITE_KEYS', JSON.stringify(Object.fromEntries(arns)));
    // CDK's own grant would write the role into the key's policy, and tie the stack of the key to the handler's.
    const resources = arns.map(([, arn]) => arn);
    handler.addToRolePolicy(new PolicyStatement({ actions: ['secretsmanager:GetSecretValue'], resources }));
    this.key.grant(handler, 'kms:Decrypt');
  }
}
