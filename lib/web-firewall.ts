import { ArnFormat, Stack } from 'aws-cdk-lib';
import type { Stage } from 'aws-cdk-lib/aws-apigateway';
import { CfnLoggingConfiguration, CfnWebACL, CfnWebACLAssociation } from 'aws-cdk-lib/aws-wafv2';
import { Construct } from 'constructs';
import type { Basis } from './basis';
import { Logs } from './logs';

export interface WebFirewallProps extends Basis {
  /** What it protects, in a word: part of the names of its log group and its metrics. */
  readonly name: string;
  /**
   * Lets bodies of more than 8 KiB pass, which the common rule set would block, and counts them: API Gateway's own limit
   * of 10 MB and the handler's hold. All other rules look at the first 16 KiB of a body. @default false
   */
  readonly largeBodies?: boolean;
}

/** AWS's rules, free of a fee of their own, from the cheapest look at a request to the dearest. */
const MANAGED = [
  'AWSManagedRulesAmazonIpReputationList',
  'AWSManagedRulesKnownBadInputsRuleSet',
  'AWSManagedRulesCommonRuleSet',
] as const;

/** Where the secrets of a request are. A signature may be in the query too (a presigned address). */
const SECRETS: CfnWebACL.FieldToProtectProperty[] = [
  { fieldType: 'SINGLE_HEADER', fieldKeys: ['authorization', 'x-api-key', 'x-write-key', 'x-amz-security-token'] },
  { fieldType: 'QUERY_STRING' },
  { fieldType: 'BODY' },
];

/**
 * A firewall (AWS WAF) before REST APIs: at most `api.requestsPerFiveMinutesPerAddress` requests of one IP address, no
 * addresses with a bad name, no known attacks. It looks at a request before API Gateway asks who calls, and answers 403.
 *
 * What it blocks is written to the log group `aws-waf-logs-moraine-<environment>-<name>` (the prefix is WAF's condition),
 * and counted; there is no alarm, for a door on the internet is tried all the time. Secrets, queries and bodies are
 * replaced by `REDACTED` wherever WAF stores a request: log, samples, details of a match. What it lets pass is in the
 * API's access log.
 * @see https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-baseline.html
 * @see https://docs.aws.amazon.com/waf/latest/developerguide/logging-cw-logs.html
 * @see https://docs.aws.amazon.com/waf/latest/APIReference/API_DataProtectionConfig.html
 */
export class WebFirewall extends Construct {
  private readonly acl: CfnWebACL;

  constructor(scope: Construct, id: string, props: WebFirewallProps) {
    super(scope, id);
    const name = `moraine-${props.environment.name}-${props.name}`;
    this.acl = new CfnWebACL(this, 'Acl', {
      description: `Moraine ${props.environment.name}: ${props.name}`,
      scope: 'REGIONAL',
      defaultAction: { allow: {} },
      visibilityConfig: visibility(name),
      dataProtectionConfig: { dataProtections: SECRETS.map((field) => ({ field, action: 'SUBSTITUTION' })) },
      rules: [
        {
          name: 'RequestsPerAddress',
          priority: 0,
          action: { block: {} },
          statement: {
            rateBasedStatement: {
              aggregateKeyType: 'IP',
              evaluationWindowSec: 300,
              limit: props.environment.api.requestsPerFiveMinutesPerAddress,
            },
          },
          visibilityConfig: visibility(`${name}-RequestsPerAddress`),
        },
        ...MANAGED.map((group, index) => managedRules(group, index + 1, name, props.largeBodies)),
      ],
    });

    const logs = new Logs(this, 'Logs', { ...props, logGroupName: `aws-waf-logs-${name}` });
    new CfnLoggingConfiguration(this, 'Logging', {
      resourceArn: this.acl.attrArn,
      logDestinationConfigs: [
        // `logGroupArn` ends in `:*`, which the name of a destination does not.
        Stack.of(this).formatArn({
          service: 'logs',
          resource: 'log-group',
          resourceName: logs.logGroupName,
          arnFormat: ArnFormat.COLON_RESOURCE_NAME,
        }),
      ],
      loggingFilter: {
        DefaultBehavior: 'DROP',
        Filters: [
          { Behavior: 'KEEP', Requirement: 'MEETS_ANY', Conditions: [{ ActionCondition: { Action: 'BLOCK' } }] },
        ],
      },
    });
  }

  /** Stands before a stage of an API of the same stack. */
  protect(stage: Stage): void {
    new CfnWebACLAssociation(stage, 'Firewall', { webAclArn: this.acl.attrArn, resourceArn: stage.stageArn });
  }
}

function managedRules(
  group: (typeof MANAGED)[number],
  priority: number,
  name: string,
  largeBodies = false,
): CfnWebACL.RuleProperty {
  const lenient = largeBodies && group === 'AWSManagedRulesCommonRuleSet';
  return {
    name: group,
    priority,
    overrideAction: { none: {} },
    statement: {
      managedRuleGroupStatement: {
        vendorName: 'AWS',
        name: group,
        ...(lenient && { ruleActionOverrides: [{ name: 'SizeRestrictions_BODY', actionToUse: { count: {} } }] }),
      },
    },
    visibilityConfig: visibility(`${name}-${group}`),
  };
}

function visibility(metricName: string): CfnWebACL.VisibilityConfigProperty {
  return { cloudWatchMetricsEnabled: true, metricName, sampledRequestsEnabled: true };
}
