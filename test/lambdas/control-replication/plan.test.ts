import { isActive, plan, type Action } from '../../../lambdas/control-replication/plan';

/** Every state that DMS is known to give, and what to do when it is wanted to run, to rest, and after a failure. */
test.each<[string, Action, Action, Action, boolean]>([
  //                      running  idle    running, ordered before   active
  ['created', 'start', 'done', 'start', false],
  ['ready', 'start', 'done', 'start', false],
  ['stopped', 'start', 'done', 'start', false],
  ['failed', 'start', 'done', 'fail', false],
  ['initialising', 'wait', 'stop', 'wait', true],
  ['testing_connection', 'wait', 'stop', 'wait', true],
  ['fetching_metadata', 'wait', 'stop', 'wait', true],
  ['provisioning_capacity', 'wait', 'stop', 'wait', true],
  ['replication_starting', 'wait', 'stop', 'wait', true],
  ['running', 'done', 'stop', 'done', true],
  ['stopping', 'wait', 'wait', 'wait', false],
  ['modifying', 'wait', 'wait', 'wait', false],
  ['deleting', 'wait', 'wait', 'wait', false],
  ['a state of next year', 'wait', 'stop', 'wait', true],
])('%s', (status, running, idle, again, active) => {
  expect(plan({ status }, 'running')).toBe(running);
  expect(plan({ status }, 'idle')).toBe(idle);
  expect(plan({ status }, 'running', true)).toBe(again);
  expect(isActive({ status })).toBe(active);
});

test('one that gives its capacity back is started when that is done', () => {
  expect(plan({ status: 'stopped', provision: 'deprovisioning' }, 'running')).toBe('wait');
  expect(plan({ status: 'stopped', provision: 'deprovisioned' }, 'running')).toBe('start');
});

test('one that is gone rests, and cannot run', () => {
  expect(plan(undefined, 'idle')).toBe('done');
  expect(plan(undefined, 'running')).toBe('fail');
  expect(isActive(undefined)).toBe(false);
});
