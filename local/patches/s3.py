"""S3: what a version of an object holds is on disk alone, as what an object holds is."""

from services import Services


def extend(services: Services) -> None:
    """Stock ministack keeps the bytes of each version that is written in memory, beside the file from which it reads
    them after a restart: the lake's bucket is versioned, and its files come and go.
    """
    import ministack.services.s3 as s3

    stock = s3._record_object_version

    def record(bucket_name, key, prior_obj, obj, data):
        return stock(bucket_name, key, prior_obj, obj, None)

    s3._record_object_version = record
