import type { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import type { Basis } from './basis';
import { SourceSecret } from './source-secret';

/**
 * A secret for each REST source that has to say who is asking, `moraine/<environment>/<source>`, encrypted with the
 * environment's key. It is made with a random text that no API knows; whoever has the API's credentials puts them in:
 *
 *     aws secretsmanager put-secret-value --secret-id moraine/dev/rates --secret-string '{"key": "…"}'
 *
 * Who gave the credentials renews them: there is nothing that AWS could rotate by itself.
 */
export class ApiSecrets extends Construct {
  /** By the source's name. */
  readonly secrets: ReadonlyMap<string, Secret>;

  constructor(scope: Construct, id: string, basis: Basis) {
    super(scope, id);
    const sources = basis.platform.sources.filter((one) => one.kind === 'rest' && one.authentication.kind !== 'none');
    this.secrets = new Map(
      sources.map(({ name }) => {
        const secret = new SourceSecret(this, name, {
          ...basis,
          source: name,
          description: `What sources/${name}.ts needs to call its API`,
          notRotated: 'The API gives its credentials; AWS cannot make new ones.',
        });
        return [name, secret];
      }),
    );
  }
}
