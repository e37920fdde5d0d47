import { z } from 'zod';

/** What guests of the VPC call, by the name of the AWS service. */
export const endpointNames = [
  's3',
  'dynamodb',
  'logs',
  'glue',
  'redshift-serverless',
  'kinesis-streams',
  'secretsmanager',
] as const;
export type EndpointName = (typeof endpointNames)[number];
/** Those that only DMS calls, where the changes of a database are captured. */
export const captureEndpointNames: readonly EndpointName[] = ['kinesis-streams', 'secretsmanager'];
/** Those that stand in route tables, cost nothing, and have no network interface. */
const gatewayEndpointNames: readonly EndpointName[] = ['s3', 'dynamodb'];

/** Redshift Serverless under enhanced VPC routing wants three. */
const ZONES = 3;
/** Per subnet: AWS keeps five; five endpoints, a build and a replication take one each. */
const TAKEN = 5 + 5 + 1 + 1;
const PRIVATE = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10'];

const cidr = z.string().superRefine((value, context) => {
  const problem = cidrProblem(value);
  if (problem) context.addIssue({ code: 'custom', message: problem });
});
const id = (prefix: string) =>
  z.string().regex(new RegExp(`^${prefix}-[0-9a-f]{8,17}$`), `an ID such as ${prefix}-0123456789abcdef0`);

const existing = z
  .strictObject({
    vpcId: id('vpc'),
    /** Three or more, in the order of `subnetIds`. */
    availabilityZones: z.array(z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d[a-z]$/, 'a zone such as eu-central-1a')),
    /** Private subnets, one for each zone. */
    subnetIds: z.array(id('subnet')),
    /** The route table of each subnet, for gateway endpoints. @default - none, and no gateway endpoint is created */
    routeTableIds: z.array(id('rtb')).default([]),
    /**
     * Endpoints that the VPC lacks. Those it has stay as they are: a second one for the same service is refused, for
     * its private DNS name is taken. @default - none: the VPC has all of them, or another way to these services
     */
    createEndpoints: z.array(z.enum(endpointNames)).default([]),
  })
  .superRefine((vpc, context) => {
    const issue = (path: string, message: string) => {
      context.addIssue({ code: 'custom', path: [path], message });
    };
    const zones = new Set(vpc.availabilityZones).size;
    if (zones < ZONES || zones !== vpc.availabilityZones.length) {
      issue('availabilityZones', `${ZONES} different zones or more (Redshift Serverless wants them)`);
    }
    if (new Set(vpc.subnetIds).size !== vpc.availabilityZones.length) {
      issue('subnetIds', `one subnet for each of the ${vpc.availabilityZones.length} zones`);
    }
    const gateways = vpc.createEndpoints.filter((name) => gatewayEndpointNames.includes(name));
    const wanted = gateways.length > 0 || vpc.routeTableIds.length > 0 ? vpc.subnetIds.length : 0;
    if (vpc.routeTableIds.length !== wanted) {
      issue('routeTableIds', `one route table for each of the ${wanted} subnets`);
    }
  });

/** Where the warehouse and the dbt builds live: a new VPC, or an existing one, which synth does not look up. */
export const network = z.strictObject({
  /** CIDR block of the VPC, new or existing. */
  cidr,
  /** An existing VPC. @default - a new one is created */
  existing: existing.optional(),
});
export type Network = z.infer<typeof network>;

/** What is wrong with a VPC's block; undefined if nothing. */
function cidrProblem(text: string): string | undefined {
  const block = parseCidr(text);
  if (!block || block.bits < 16 || block.bits > 24) return 'allowed are blocks from /16 to /24 such as 10.0.0.0/16';
  if (block.first % block.size !== 0) {
    return `not the first address of a /${block.bits}: ${textOf(block.first - (block.first % block.size))}/${block.bits} is`;
  }
  if (!PRIVATE.some((range) => contains(range, text))) return `allowed are private ranges: ${PRIVATE.join(', ')}`;
  return undefined;
}

interface Block {
  readonly first: number;
  readonly bits: number;
  readonly size: number;
}

function parseCidr(text: string): Block | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(text);
  const [a, b, c, d, bits] = (match ?? []).slice(1).map(Number);
  if (!match || Math.max(a, b, c, d) > 255 || bits > 32) return undefined;
  return { first: ((a * 256 + b) * 256 + c) * 256 + d, bits, size: 2 ** (32 - bits) };
}

function textOf(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.');
}

function contains(outer: string, inner: string): boolean {
  const [out, into] = [parseCidr(outer), parseCidr(inner)];
  if (!out || !into) return false;
  return into.first >= out.first && into.first + into.size <= out.first + out.size;
}

/** Whether two blocks share addresses. */
export function overlaps(one: string, other: string): boolean {
  return contains(one, other) || contains(other, one);
}

/**
 * What a new VPC's block lacks for a warehouse of `capacity` RPUs; undefined if nothing.
 * @see https://docs.aws.amazon.com/redshift/latest/mgmt/serverless-usage-considerations.html
 */
export function tooSmallFor(text: string, capacity: number): string | undefined {
  const block = parseCidr(text);
  if (!block) return undefined;
  // CDK cuts a block for three subnets into four.
  const subnet = block.size / 4;
  const needed = Math.max(13, capacity / 4 + 5) + TAKEN;
  if (subnet >= needed) return undefined;
  const bits = Math.floor(32 - Math.log2(needed * 4));
  return `its three subnets have ${subnet} addresses each, and a warehouse of up to ${capacity} RPUs takes ${needed}: give it a /${bits}, or lower warehouse.maxCapacity`;
}
