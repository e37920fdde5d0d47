import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import type { Construct } from 'constructs';
import { acknowledge } from './acknowledge';
import { removalPolicy, type Basis } from './basis';

export interface SourceSecretProps extends Basis {
  /** Name of the source in `sources/`. */
  readonly source: string;
  readonly description: string;
  /** Why AWS does not rotate it. */
  readonly notRotated: string;
}

/**
 * The secret of a source, `moraine/<environment>/<source>`, encrypted with the environment's key. It is made with a
 * random text that is good for nothing; people put in what it is to hold (`aws secretsmanager put-secret-value`).
 */
export class SourceSecret extends Secret {
  constructor(scope: Construct, id: string, props: SourceSecretProps) {
    const { environment, key, source, description, notRotated } = props;
    super(scope, id, {
      secretName: `moraine/${environment.name}/${source}`,
      description,
      encryptionKey: key,
      removalPolicy: removalPolicy(environment),
    });
    acknowledge(this, { 'AwsSolutions-SMG4': notRotated });
  }
}
