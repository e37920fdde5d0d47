"""Reads files of the landing bucket with Spark."""

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as f


def parquet(spark: SparkSession, root: str, folder: str, origin: str) -> DataFrame | None:
    """Every Parquet file below `<root>/<folder>`, with `_origin`: `<origin>/<file>#<row in it>`.

    None when there is no such file, or no such folder. Raises FileNotFoundError when there is no `root`.
    """
    path = f"{root.rstrip('/')}/{folder}/"
    if not _has_parquet(spark, root, path):
        return None
    rows = (
        spark.read.option("recursiveFileLookup", "true").option("pathGlobFilter", "*.parquet").parquet(path)
    )
    row = f.concat(f.col("_metadata.file_name"), f.lit("#"), f.col("_metadata.row_index").cast("string"))
    return rows.withColumn("_origin", f.concat(f.lit(f"{origin}/"), row))


def _has_parquet(spark: SparkSession, root: str, path: str) -> bool:
    hadoop = spark.sparkContext._jvm.org.apache.hadoop.fs
    top, folder = hadoop.Path(root), hadoop.Path(path)
    files = top.getFileSystem(spark._jsc.hadoopConfiguration())
    if not files.exists(top):
        raise FileNotFoundError(f"nothing is at {root}; give the root of an export that is complete")
    listed = files.listFiles(folder, True) if files.exists(folder) else None
    while listed is not None and listed.hasNext():
        if listed.next().getPath().getName().endswith(".parquet"):
            return True
    return False
