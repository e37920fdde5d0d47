"""Rules on rows: every row of a source becomes good (cast by contract) or rejected, with reasons; none is
lost.

Rules are the casts, required columns and varchar lengths. Valid values are a rule on tables, checked
elsewhere.
"""

from collections.abc import Callable

from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame
from pyspark.sql import functions as f
from pyspark.sql import types as t

from common.casts import cast
from common.contract import Column, Contract, ContractError

REASONS, FAILED, PAYLOAD = "_reasons", "_failed", "_payload"
SHOWN = 100


def source_names(contract: Contract, given: list[str]) -> dict[str, str]:
    """What a source calls the contract's columns that it has: their names, or else their newest former ones.

    A source may be older than the contract, or keep a name that the contract has left behind.
    """
    found = {column.name: [name for name in column.names if name in given][:1] for column in contract.columns}
    return {name: there[0] for name, there in found.items() if there}


def missing_columns(contract: Contract, given: list[str]) -> list[str]:
    """Columns of the contract that a source lacks. Raises ContractError when one of them is required."""
    known = source_names(contract, given)
    absent = [column for column in contract.columns if column.name not in known]
    if required := [column.name for column in absent if column.required]:
        raise ContractError(
            f"{contract.dataset}: the source lacks required column(s) {', '.join(required)}; it has "
            f"{', '.join(given)}. Correct the source's table or the contract"
        )
    return [column.name for column in absent]


def extra_columns(contract: Contract, given: list[str]) -> list[str]:
    """Columns of a source that the contract doesn't name; they are ignored."""
    known = set(source_names(contract, given).values())
    return [name for name in given if name not in known]


def check(
    rows: DataFrame,
    contract: Contract,
    keep: tuple[str, ...] = (),
    excused: Callable[[Column], SparkColumn] | None = None,
) -> DataFrame:
    """Casts every row by contract.

    `excused` says of a required column in which rows it may be empty nevertheless (a delete has its key only), by the
    columns in `keep`; without it in none.

    Gives the contract's columns (null where the source lacks one or the cast failed), the columns named in
    `keep`, `_reasons` (null for a good row, else every reason joined by `; `), `_failed` (the first column at
    fault) and `_payload` (the row as it came, as JSON; only for a rejected row).
    """
    source = {field.name: field.dataType for field in rows.schema.fields}
    raw = rows.select(
        *keep, f.struct(*[f.col(f"`{name}`") for name in source if name not in keep]).alias("_raw")
    )
    there = source_names(contract, [name for name in source if name not in keep])
    present = [column for column in contract.columns if column.name in there]
    absent = [column for column in contract.columns if column.name not in there]
    typed = raw.select(
        *keep,
        "_raw",
        *[
            f.expr(cast(column, source[there[column.name]], f"_raw.`{there[column.name]}`")).alias(
                column.name
            )
            for column in present
        ],
        *[f.lit(None).cast(column.spark_type).alias(column.name) for column in absent],
    )
    never = f.lit(False)
    faults = [
        (
            column,
            _fault(
                column, there[column.name], source[there[column.name]], excused(column) if excused else never
            ),
        )
        for column in present
    ]
    reasons = f.concat_ws("; ", *[fault for _, fault in faults])
    failed = f.coalesce(*[f.when(fault.isNotNull(), f.lit(column.name)) for column, fault in faults])
    return typed.select(
        *[column.name for column in contract.columns],
        *keep,
        f.nullif(reasons, f.lit("")).alias(REASONS),
        failed.alias(FAILED),
        f.when(reasons != "", f.to_json("_raw", {"ignoreNullFields": "false"})).alias(PAYLOAD),
    )


def _fault(column: Column, source_name: str, source: t.DataType, excused: SparkColumn) -> SparkColumn:
    """Why a value doesn't do, or null. Reads the raw value and the cast one."""
    raw = f.col(f"_raw.`{source_name}`")
    name = f.lit(column.name)
    shown = f.lit(f"a {source.simpleString()}")
    if isinstance(source, t.AtomicType) and not isinstance(source, t.BinaryType):
        text = raw.cast("string")
        cut = f.when(f.length(text) > SHOWN, f.concat(f.left(text, f.lit(SHOWN)), f.lit("…"))).otherwise(text)
        shown = f.concat(f.lit('"'), cut, f.lit('"'))
    mismatch = f.concat(name, f.lit(": "), shown, f.lit(f" is not a {column.type}"))
    fault = f.when(raw.isNotNull() & f.col(f"`{column.name}`").isNull(), mismatch)
    if column.required:
        fault = fault.when(raw.isNull() & ~excused, f.concat(name, f.lit(": is empty but required")))
    return fault
