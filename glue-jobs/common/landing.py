"""Reads files of the landing bucket with Spark."""

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as f


def parquet(spark: SparkSession, root: str, folder: str, origin: str) -> DataFrame:
    """Every Parquet file below `<root>/<folder>`, with `_origin`: `<origin>/<file>#<row in it>`.

    Raises FileNotFoundError when there is no such file.
    """
    path = f"{root.rstrip('/')}/{folder}/"
    _require_files(spark, path)
    rows = (
        spark.read.option("recursiveFileLookup", "true").option("pathGlobFilter", "*.parquet").parquet(path)
    )
    row = f.concat(f.col("_metadata.file_name"), f.lit("#"), f.col("_metadata.row_index").cast("string"))
    return rows.withColumn("_origin", f.concat(f.lit(f"{origin}/"), row))


def _require_files(spark: SparkSession, path: str) -> None:
    folder = spark.sparkContext._jvm.org.apache.hadoop.fs.Path(path)
    files = folder.getFileSystem(spark._jsc.hadoopConfiguration())
    listed = files.listFiles(folder, True) if files.exists(folder) else None
    while listed is not None and listed.hasNext():
        if listed.next().getPath().getName().endswith(".parquet"):
            return
    raise FileNotFoundError(
        f"no .parquet file below {path}; check that the export is complete and has the table"
    )
