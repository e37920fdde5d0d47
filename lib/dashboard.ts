import { ArnFormat, Stack } from 'aws-cdk-lib';
import { Alarm, AlarmStatusWidget, Dashboard as CloudWatchDashboard } from 'aws-cdk-lib/aws-cloudwatch';
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
    const stack = Stack.of(scope);
    super(scope, id, { dashboardName: `moraine-${props.environment.name}-${stack.region}` });
    const alarms = props.alarms.names.map((resourceName) => {
      const arnFormat = ArnFormat.COLON_RESOURCE_NAME;
      const arn = stack.formatArn({ service: 'cloudwatch', resource: 'alarm', resourceName, arnFormat });
      return Alarm.fromAlarmArn(this, resourceName, arn);
    });
    this.addWidgets(
      new AlarmStatusWidget({ title: `Moraine ${props.environment.name}: alarms`, alarms, width: 24, height: 8 }),
    );
  }
}
