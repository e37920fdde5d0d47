"""Reads files of the landing bucket with Spark."""

from collections.abc import Iterator
from contextlib import contextmanager

from py4j.protocol import Py4JJavaError
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as f

from common.export_deliveries import File


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


def text(spark: SparkSession, path: str) -> str:
    """The text of one small file. Raises FileNotFoundError when there is none."""
    if not (rows := texts(spark, path.rpartition("/")[0], path.rpartition("/")[2]).collect()):
        raise FileNotFoundError(f"nothing is at {path}; the folder is not complete, or not the right one")
    return rows[0]["value"]


def texts(spark: SparkSession, folder: str, pattern: str) -> DataFrame:
    """The files of a folder whose names match: `file` (its name) and `value` (all its text, unpacked)."""
    # As an argument: as an option it would be overwritten by the argument's default.
    found = spark.read.option("pathGlobFilter", pattern).text(folder, wholetext=True)
    return found.select(f.col("_metadata.file_name").alias("file"), "value")


def path(spark: SparkSession, uri: str) -> str:
    """A path as listings say it."""
    at = spark.sparkContext._jvm.org.apache.hadoop.fs.Path(uri)
    return at.getFileSystem(spark._jsc.hadoopConfiguration()).makeQualified(at).toString()


def files(spark: SparkSession, root: str) -> list[File]:
    """Every file below a folder; none when there is no such folder."""
    at = spark.sparkContext._jvm.org.apache.hadoop.fs.Path(root)
    system = at.getFileSystem(spark._jsc.hadoopConfiguration())
    listed = system.listFiles(at, True) if system.exists(at) else None
    found = []
    while listed is not None and listed.hasNext():
        one = listed.next()
        found.append(File(one.getPath().toString(), one.getLen(), one.getModificationTime() * 1000))
    return found


def md5(spark: SparkSession, path: str) -> str:
    """The MD5 of a file, 32 hexadecimal digits."""
    jvm = spark.sparkContext._jvm
    at = jvm.org.apache.hadoop.fs.Path(path)
    stream = at.getFileSystem(spark._jsc.hadoopConfiguration()).open(at)
    try:
        return jvm.org.apache.commons.codec.digest.DigestUtils.md5Hex(stream)
    finally:
        stream.close()


def damage(spark: SparkSession, path: str) -> str | None:
    """Why a file that is packed with gzip can't be unpacked, in one line; None when it can be."""
    jvm = spark.sparkContext._jvm
    at = jvm.org.apache.hadoop.fs.Path(path)
    stream = at.getFileSystem(spark._jsc.hadoopConfiguration()).open(at)
    try:
        jvm.org.apache.commons.codec.digest.DigestUtils.md5Hex(jvm.java.util.zip.GZIPInputStream(stream))
    except Py4JJavaError as error:
        return str(error.java_exception.toString()).splitlines()[0]
    finally:
        stream.close()
    return None


def content(spark: SparkSession, path: str) -> bytes:
    """The bytes of one file that fits into memory."""
    return bytes(spark.read.format("binaryFile").load(path).select("content").first()["content"])


@contextmanager
def cached(rows: DataFrame) -> Iterator[DataFrame]:
    """Rows that are kept in memory for as long as they are used."""
    try:
        yield rows.cache()
    finally:
        rows.unpersist()
