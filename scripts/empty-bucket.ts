import { DeleteObjectsCommand, ListObjectVersionsCommand, type S3Client } from '@aws-sdk/client-s3';

/**
 * Deletes every version of every object of a bucket.
 * @returns how many versions there were
 * @throws Error naming the first object that S3 would not delete, and why.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/empty-bucket.html
 */
export async function emptyBucket(client: S3Client, bucket: string): Promise<number> {
  for (let deleted = 0; ;) {
    // Always the first page, which has at most as many versions as one call may delete: 1,000.
    const page = await client.send(new ListObjectVersionsCommand({ Bucket: bucket }));
    const versions = [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])];
    if (versions.length === 0) return deleted;
    const { Errors } = await client.send(
      new DeleteObjectsCommand({
        Bucket: bucket,
        Delete: { Quiet: true, Objects: versions.map(({ Key, VersionId }) => ({ Key, VersionId })) },
      }),
    );
    const error = Errors?.[0];
    if (error) throw new Error(`s3://${bucket}/${error.Key}: ${error.Code}: ${error.Message}`);
    deleted += versions.length;
  }
}
