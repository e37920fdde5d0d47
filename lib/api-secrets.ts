import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import { acknowledge } from './acknowledge';
import { removalPolicy, type Basis } from './basis';

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

  constructor(scope: Construct, id: string, { environment, platform, key }: Basis) {
    super(scope, id);
    const sources = platform.sources.filter((one) => one.kind === 'rest' && one.authentication.kind !== 'none');
    this.secrets = new Map(
      sources.map(({ name }) => {
        const secret = new Secret(this, name, {
          secretName: `moraine/${environment.name}/${name}`,
          description: `What sources/${name}.ts needs to call its API`,
          encryptionKey: key,
          removalPolicy: removalPolicy(environment),
        });
        acknowledge(secret, { 'AwsSolutions-SMG4': 'The API gives its credentials; AWS cannot make new ones.' });
        return [name, secret];
      }),
    );
  }
}
