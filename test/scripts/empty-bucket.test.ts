import { S3Client } from '@aws-sdk/client-s3';
import { emptyBucket } from '../../scripts/empty-bucket';
import { fake } from '../lambdas/fakes';

interface Version {
  readonly Key: string;
  readonly VersionId: string;
  readonly deleted?: boolean;
}

/** A bucket that lists two versions a page. */
function fakeBucket(versions: Version[], refuse?: string) {
  return fake(new S3Client({ region: 'us-east-1' }), {
    ListObjectVersions: () => {
      const page = versions.slice(0, 2);
      return {
        Versions: page.filter(({ deleted }) => !deleted),
        DeleteMarkers: page.filter(({ deleted }) => deleted),
      };
    },
    DeleteObjects: ({ Delete }: { Delete: { Objects: Version[] } }) => {
      if (Delete.Objects.some(({ Key }) => Key === refuse)) {
        return { Errors: [{ Key: refuse, Code: 'AccessDenied', Message: 'no' }] };
      }
      const gone = Delete.Objects.map(({ VersionId }) => VersionId);
      for (const id of gone)
        versions.splice(
          versions.findIndex(({ VersionId }) => VersionId === id),
          1,
        );
      return {};
    },
  });
}

const versions = (): Version[] => [
  { Key: 'a', VersionId: '1' },
  { Key: 'b', VersionId: '2', deleted: true },
  { Key: 'c', VersionId: '3' },
];

test('every version goes, and every mark of a deleted object', async () => {
  const left = versions();
  await expect(emptyBucket(fakeBucket(left), 'bucket')).resolves.toBe(3);
  expect(left).toEqual([]);
});

test('an empty bucket is left alone', async () => {
  const bucket = fakeBucket([]);
  await expect(emptyBucket(bucket, 'bucket')).resolves.toBe(0);
  expect(bucket.sent.map(({ name }) => name)).toEqual(['ListObjectVersions']);
});

test('what S3 does not delete is named', async () => {
  await expect(emptyBucket(fakeBucket(versions(), 'c'), 'bucket')).rejects.toThrow('s3://bucket/c: AccessDenied: no');
});
