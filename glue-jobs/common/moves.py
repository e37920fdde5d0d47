"""Changes that moved a row to another key: bronze has them as one row, the merge takes them as two changes.

`_previous_key` is a JSON object of the key's columns as text, in the forms that casts.py takes.
"""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as f
from pyspark.sql import types as t

from common import contract
from common.casts import cast
from common.contract import Contract
from common.position import LENGTH, WIDTHS

DEPARTED = "_departed"
"""True in the half of a move that deletes the old key."""


def split(changes: DataFrame, dataset: Contract) -> DataFrame:
    """Each move as a delete of the old key at its position, and an upsert of the new one at the next ordinal.

    Other changes stay as they are. The rows have `_departed` besides. An old key that can't be read is null there,
    which is a fault (fold.fault).
    """
    moved = (f.col("_op") == "upsert") & f.col("_previous_key").isNotNull()
    halves = f.when(moved, f.array(f.lit(True), f.lit(False))).otherwise(f.array(f.lit(False)))
    told = f.from_json("_previous_key", t.MapType(t.StringType(), t.StringType()))
    both = changes.withColumn(DEPARTED, f.explode(halves)).withColumn("_told", told)
    departed = f.col(DEPARTED)
    return both.withColumns(
        {
            column.name: f.when(departed, f.expr(_old(column))).otherwise(f.col(column.name))
            for column in dataset.key_columns
        }
        | {
            "_op": f.when(departed, f.lit("delete")).otherwise(f.col("_op")),
            "_position": f.when(moved & ~departed, _next("_position")).otherwise(f.col("_position")),
        }
    ).drop("_told")


def _old(column: contract.Column) -> str:
    """SQL of a key's old value; rows from before a rename name the column as it was called then."""
    text = f"coalesce({', '.join(f'_told[{name!r}]' for name in column.names)})"
    return cast(column, t.StringType(), text)


def _next(position: str) -> Column:
    """The position with the next ordinal; a malformed one gives null, which is a fault."""
    width = WIDTHS[-1]
    following = f.expr(f"cast(try_cast(right({position}, {width}) as decimal({width},0)) + 1 as string)")
    return f.concat(f.left(f.col(position), f.lit(LENGTH - width)), f.lpad(following, width, "0"))
