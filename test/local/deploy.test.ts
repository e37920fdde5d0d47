import { reasons } from '../../local/deploy';

const failed = (progress: string) =>
  `moraine-local-foundation | ${progress}7:36:02 AM | UPDATE_FAILED           | Custom::IcebergTables    | moraine-local/Tables (Tables4E) Error: local_bronze.t: column a is long.`;

it('tells a failed deployment by the resource that failed, once', () => {
  const lines = [
    'moraine-local-foundation |  32 | 7:36:01 AM | UPDATE_COMPLETE  | AWS::S3::Bucket  | moraine-local/Storage/Errors (Errors2E)',
    failed(' 46 | '),
    'Failed resources:',
    failed(''),
    '❌  moraine-local-foundation failed to deploy',
  ];
  expect(reasons(lines)).toEqual(['moraine-local/Tables (Tables4E) Error: local_bronze.t: column a is long.']);
});

it('tells what was said last, or what has an error in it, when no resource failed', () => {
  expect(reasons(['a', 'Error: no such app', 'b'])).toEqual(['Error: no such app']);
  expect(reasons(['a', 'b', 'c', 'd'])).toEqual(['b', 'c', 'd']);
});
