import { RemovalPolicy } from 'aws-cdk-lib';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Environment } from '../config/environment';
import type { Platform } from '../lambdas/shared/platform';
import type { AlarmTopic } from './alarms';

/** What the constructs of an environment share; each construct's props extend it. */
export interface Basis {
  readonly environment: Environment;
  /** The declarations: contracts, sources, endpoints. */
  readonly platform: Platform;
  /** The environment's customer-managed key; encrypts everything that can be encrypted with one. */
  readonly key: IKey;
  /** Gets word from every alarm. */
  readonly alarms: AlarmTopic;
}

/** What becomes of a stateful resource that leaves the template or is replaced. */
export function removalPolicy(environment: Environment): RemovalPolicy {
  return environment.removal === 'retain' ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY;
}
