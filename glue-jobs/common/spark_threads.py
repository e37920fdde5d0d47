"""A Spark session for each thread of a job: a merge sets settings of its session, and must not meet another's.

A Python thread has a thread of the JVM to itself (PySpark pins them), so that what belongs to one, the active session
that Iceberg asks for and the properties of a commit (`iceberg.commit_with`), is one merge's.
"""

import threading

from pyspark.sql import SparkSession

from common.java import java_class, remember_names

_own = threading.local()


def enter(spark: SparkSession) -> None:
    """Gives this thread a session with the settings that `spark` has now; a new one would have those only with which
    Spark was started.
    """
    _own.spark = SparkSession(spark.sparkContext, spark._jsparkSession.cloneSession())
    java_class(spark, "org.apache.spark.sql.SparkSession").setActiveSession(_own.spark._jsparkSession)
    remember_names(spark)


def here() -> SparkSession:
    """The session that this thread has entered."""
    return _own.spark
