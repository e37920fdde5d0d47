import { Reference, Stack, Tokenization, Validations } from 'aws-cdk-lib';
import type { IGrantable } from 'aws-cdk-lib/aws-iam';
import { Construct, type IConstruct } from 'constructs';

/** Acknowledges findings of cdk-nag on a construct and all below it, each with the reason why it is right there. */
export function acknowledge(construct: IConstruct, reasons: Record<string, string>): void {
  for (const [id, reason] of Object.entries(reasons)) Validations.of(construct).acknowledge({ id, reason });
}

/**
 * Acknowledges that the policy of `grantee` names `arn`, which ends in an asterisk (cdk-nag's `IAM5`, whose finding is
 * the resource as it stands in the finished template).
 */
export function acknowledgeResource(grantee: IGrantable, arn: string, reason: string): void {
  // A managed policy is its own construct, and its principal none.
  const holder = [grantee.grantPrincipal, grantee].find((one) => Construct.isConstruct(one));
  if (!holder) return;
  acknowledge(holder, { [`AwsSolutions-IAM5[Resource::${inTemplate(Stack.of(holder), arn)}]`]: reason });
}

/** The text as cdk-nag reads it in the template of `consumer`: `<Id.Attribute>`, or an export's name. */
function inTemplate(consumer: Stack, text: string): string {
  const imported = Tokenization.reverseString(text).mapTokens({
    mapToken: (token) =>
      Reference.isReference(token) && Stack.of(token.target) !== consumer
        ? Stack.of(token.target).exportValue(token)
        : token,
  });
  return flatten(consumer.resolve(imported.join({ join: (left, right) => `${left ?? ''}${right ?? ''}` })));
}

interface Intrinsic {
  readonly Ref?: string;
  readonly 'Fn::GetAtt'?: string[];
  readonly 'Fn::ImportValue'?: string;
  readonly 'Fn::Join'?: [string, unknown[]];
  readonly 'Fn::Sub'?: string;
}

function flatten(value: unknown): string {
  if (typeof value === 'string') return value;
  const { Ref: ref, ...functions } = value as Intrinsic;
  if (ref) return `<${ref}>`;
  if (functions['Fn::GetAtt']) return `<${functions['Fn::GetAtt'].join('.')}>`;
  if (functions['Fn::Join']) return functions['Fn::Join'][1].map(flatten).join(functions['Fn::Join'][0]);
  if (functions['Fn::Sub']) return functions['Fn::Sub'].replace(/\$\{([^}]+)\}/g, '<$1>');
  return functions['Fn::ImportValue'] ?? JSON.stringify(value);
}
