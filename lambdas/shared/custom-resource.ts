import { z } from 'zod';
import { parse } from './parse';

/**
 * What the CDK's Provider framework sends to an `onEvent` handler.
 * @see https://docs.aws.amazon.com/cdk/api/v2/docs/aws-cdk-lib.custom_resources-readme.html#handling-lifecycle-events-onevent
 */
const event = z.object({
  RequestType: z.enum(['Create', 'Update', 'Delete']),
  PhysicalResourceId: z.string().optional(),
  ResourceProperties: z.record(z.string(), z.unknown()),
});

/** What the handler answers: the same id on every call, or CloudFormation takes the resource for replaced. */
export interface CustomResourceAnswer {
  readonly PhysicalResourceId: string;
  readonly Data?: Readonly<Record<string, string>>;
}

/** A custom resource that leaves everything behind when it is deleted. */
export interface KeptResource<P> {
  readonly physicalId: (properties: P) => string;
  /** Brings the world to what the properties say; called for create and update alike. */
  readonly apply: (properties: P) => Promise<Readonly<Record<string, string>>>;
}

/**
 * Answers one event: create and update apply, delete does nothing.
 * @throws Error when the event or its properties are not as declared.
 */
export async function answer<T extends z.ZodType>(
  raw: unknown,
  properties: T,
  resource: KeptResource<z.infer<T>>,
): Promise<CustomResourceAnswer> {
  const request = parse('Custom resource event', event, raw);
  if (request.RequestType === 'Delete') return { PhysicalResourceId: request.PhysicalResourceId ?? 'none' };
  const wanted = parse('Custom resource properties', properties, request.ResourceProperties);
  return { PhysicalResourceId: resource.physicalId(wanted), Data: await resource.apply(wanted) };
}
