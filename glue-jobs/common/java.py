"""Java's classes from Python, without a search for each of them.

py4j finds `jvm.org.apache.x.Y` name by name: it asks the class loader for a class `org`, a class `org.apache` and so
on, each in all the jars there are, and does so again each time. A tenth of a small merge's time went there.
"""

from py4j.java_gateway import JavaClass
from pyspark.sql import SparkSession

OF_PYSPARK = ("functions", "PythonUtils", "SparkSession", "py4j")
"""What PySpark itself asks for by such a name, with each function of a query."""


def java_class(spark: SparkSession, name: str) -> JavaClass:
    """A class by its full name, for its constructors and static methods. One that does not exist fails when used."""
    return JavaClass(name, spark.sparkContext._gateway._gateway_client)


def remember_names(spark: SparkSession) -> None:
    """Lets PySpark find its own names once and not each time; for runs of many small queries."""
    jvm = spark.sparkContext._jvm
    for name in OF_PYSPARK:
        if name not in vars(jvm):
            setattr(jvm, name, getattr(jvm, name))
