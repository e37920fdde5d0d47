"""Reads files of the landing bucket with Spark, also where Spark has no S3 client of its own."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as f

COPY_SETTING = "spark.moraine.copy-landing"


@contextmanager
def parquet(spark: SparkSession, root: str, folder: str, origin: str) -> Iterator[DataFrame]:
    """Every Parquet file below `<root>/<folder>`, with `_origin`: `<origin>/<file>#<row in it>`.

    When the session's `spark.moraine.copy-landing` is `true` (default: not), objects of an s3:// root are
    first copied to a temporary folder: Glue reads S3 itself, plain Spark can't. Raises FileNotFoundError when
    there is no such file.
    """
    path = f"{root.rstrip('/')}/{folder}/"
    with tempfile.TemporaryDirectory(prefix="moraine-landing-") as copy:
        if path.startswith("s3://") and spark.conf.get(COPY_SETTING, "false") == "true":
            path = _copied(path, copy)
        yield _read(spark, path, f"{root.rstrip('/')}/{folder}/", origin)


def _read(spark: SparkSession, path: str, shown: str, origin: str) -> DataFrame:
    hadoop_path = spark.sparkContext._jvm.org.apache.hadoop.fs.Path(path)
    files = hadoop_path.getFileSystem(spark._jsc.hadoopConfiguration())
    listed = files.listFiles(hadoop_path, True) if files.exists(hadoop_path) else None
    while listed is not None and listed.hasNext():
        if listed.next().getPath().getName().endswith(".parquet"):
            break
    else:
        raise FileNotFoundError(
            f"no .parquet file below {shown}; check that the export is complete and has the table"
        )
    rows = (
        spark.read.option("recursiveFileLookup", "true").option("pathGlobFilter", "*.parquet").parquet(path)
    )
    row = f.concat(f.col("_metadata.file_name"), f.lit("#"), f.col("_metadata.row_index").cast("string"))
    return rows.withColumn("_origin", f.concat(f.lit(f"{origin}/"), row))


def _copied(uri: str, to: str) -> str:
    import boto3

    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    client = boto3.client("s3")
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for key in (each["Key"] for each in page.get("Contents", []) if each["Key"].endswith(".parquet")):
            file = Path(to, key.removeprefix(prefix))
            file.parent.mkdir(parents=True, exist_ok=True)
            client.download_file(bucket, key, str(file))
    return to
