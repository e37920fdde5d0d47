"""The fold of the merge: from changes, as bronze holds them, to one row in silver's own encoding for each
key.

A row's existence is a stamp (position.py); silver stores it as `_position` and `_is_deleted`.
`_column_positions` holds the stamps of the columns whose stamp is not the row's own, null when there is none.
"""

from collections.abc import Iterable
from functools import reduce
from operator import or_

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as f

from common import contract
from common.contract import Contract
from common.position import EMPTIED, LENGTH, NEVER, PATTERN

OPERATIONS = ("upsert", "delete", "truncate")


def fault(contract: Contract) -> Column:
    """Why a bronze row can't be merged, or null."""
    position_fault = f.concat(f.lit("_position: "), _shown("_position"), f.lit(" is malformed"))
    operation_fault = f.concat(
        f.lit("_op: "), _shown("_op"), f.lit(f" is unknown; allowed: {', '.join(OPERATIONS)}")
    )
    operation = f.coalesce(f.col("_op"), f.lit(""))
    result = f.when(~operation.isin(*OPERATIONS), operation_fault)
    result = result.when(~f.coalesce(f.col("_position").rlike(PATTERN), f.lit(False)), position_fault)
    for name in contract.key:
        missing = (operation != "truncate") & f.col(name).isNull()
        result = result.when(missing, f.lit(f"{name}: the key is empty"))
    return result


def _shown(name: str) -> Column:
    return f.concat(f.lit('"'), f.coalesce(f.col(name), f.lit("null")), f.lit('"'))


def transform(changes: DataFrame, contract: Contract, truncate_floor: str = NEVER) -> DataFrame:
    """Folds good upserts and deletes: one row for each key, joined with the truncate floor.

    One aggregation, no window: the greatest (stamp, value) of each column, over the changes that carry it. At
    one stamp the greater value wins and null is the least, so any order of delivery gives one result.
    """
    deleted = f.col("_op") == "delete"
    stamp = f.when(deleted, f.concat("_position", f.lit(EMPTIED))).otherwise(f.col("_position"))
    cells = []
    for column in contract.values:
        missing = ~deleted & untold(column)
        # In bronze's own type: an older contract, after a rollback, may declare a narrower one.
        value = f.when(~deleted, f.col(column.name))
        cell = f.when(~missing, f.struct(stamp.alias("stamp"), value.alias("value")))
        cells.append(f.max(cell).alias(column.name))
    folded = changes.groupBy(*contract.key).agg(f.max(stamp).alias("_existence"), *cells)
    floor = f.lit(truncate_floor + EMPTIED if truncate_floor else NEVER)
    told = folded.select(
        *contract.key,
        f.greatest("_existence", floor).alias("_existence"),
        *[
            f.struct(
                f.greatest(f.coalesce(f.col(column.name).stamp, f.lit(NEVER)), floor).alias("stamp"),
                f.when(f.col(column.name).stamp > floor, f.col(column.name).value).alias("value"),
            ).alias(column.name)
            for column in contract.values
        ],
    )
    stamps = [(column.name, f.col(column.name).stamp) for column in contract.values]
    return told.select(
        *[
            f.col(column.name) if column.key else f.col(column.name).value.alias(column.name)
            for column in contract.columns
        ],
        f.left("_existence", f.lit(LENGTH)).alias("_position"),
        f.col("_existence").endswith(EMPTIED).alias("_is_deleted"),
        f.expr(incomplete("_existence", [f"`{name}`.stamp" for name, _ in stamps])).alias("_incomplete"),
        f.expr(differing("_existence", [(name, f"`{name}`.stamp") for name, _ in stamps])).alias(
            "_column_positions"
        ),
    )


def untold(column: contract.Column) -> Column:
    """Whether a row of bronze does not carry a column: one from before a rename names it as it was called then."""
    places = [f.coalesce(f.find_in_set(f.lit(name), "_missing"), f.lit(0)) for name in column.names]
    return reduce(or_, [place > 0 for place in places])


def incomplete(existence: str, stamps: Iterable[str]) -> str:
    """SQL: alive, with a column never told, or emptied and not told since."""
    empty = [f"{stamp} = '{NEVER}' or {stamp} like '%{EMPTIED}'" for stamp in stamps]
    return f"(not {existence} like '%{EMPTIED}') and ({' or '.join(empty) or 'false'})"


def differing(existence: str, stamps: Iterable[tuple[str, str]]) -> str:
    """SQL of `_column_positions`: a map of the stamps (name, SQL) that differ from the row's own; null if
    none does.
    """
    entries = [f"if({stamp} <> {existence}, struct('{name}', {stamp}), null)" for name, stamp in stamps]
    if not entries:
        return "cast(null as map<string,string>)"
    any_differs = " or ".join(f"{stamp} <> {existence}" for _, stamp in stamps)
    return f"if({any_differs}, map_from_entries(array_compact(array({', '.join(entries)}))), null)"
