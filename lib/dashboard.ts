import { Stack } from 'aws-cdk-lib';
import { AlarmStatusWidget, Dashboard as CloudWatchDashboard } from 'aws-cdk-lib/aws-cloudwatch';
import type { Construct } from 'constructs';
import type { AlarmTopic } from './alarms';
import type { Environment } from '../config/environment';

export interface DashboardProps {
  readonly environment: Environment;
  readonly alarms: AlarmTopic;
}

/** One page, `moraine-<env>-<region>` (dashboards know no regions): every alarm of the environment with its state. */
export class Dashboard extends CloudWatchDashboard {
  constructor(scope: Construct, id: string, props: DashboardProps) {
    super(scope, id, {
      dashboardName: `moraine-${props.environment.name}-${Stack.of(scope).region}`,
      widgets: [
        [
          new AlarmStatusWidget({
            title: `Moraine ${props.environment.name}: alarms`,
            alarms: [...props.alarms.all],
            width: 24,
            height: 8,
          }),
        ],
      ],
    });
  }
}
