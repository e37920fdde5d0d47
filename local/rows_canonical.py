"""Rows of different stores in one form, so that equal rows have equal hashes.

Each store's rows become Arrow batches of the contract's types (times in microseconds, decimals at the
contract's scale); from there one code path makes a text of each row and a 64-bit hash of it, in a stream.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy
import pandas
import postgres_arrow
import psycopg
import pyarrow
import pyarrow.compute
from psycopg import sql

sys.path.append(str(Path(__file__).resolve().parent.parent / "glue-jobs"))

from common.contract import Column, Contract  # noqa: E402

TYPES = {
    "boolean": pyarrow.bool_(),
    "int": pyarrow.int32(),
    "bigint": pyarrow.int64(),
    "double": pyarrow.float64(),
    "date": pyarrow.date32(),
    "timestamp": pyarrow.timestamp("us"),
    "timestamptz": pyarrow.timestamp("us", "UTC"),
}
SEPARATOR, NULL = "\x1f", "\x00"


def arrow_type(column: Column) -> pyarrow.DataType:
    """The Arrow type of a contract's column."""
    if column.type.startswith("decimal"):
        return pyarrow.decimal128(*map(int, column.type[8:-1].split(",")))
    return TYPES.get(column.type, pyarrow.string())


def schema(contract: Contract) -> pyarrow.Schema:
    """The contract's columns, in its order."""
    return pyarrow.schema([(column.name, arrow_type(column)) for column in contract.columns])


def of_arrow(batches, contract: Contract) -> Iterator[pyarrow.RecordBatch]:
    """Rows that are Arrow already, cast to the contract's types."""
    wanted = schema(contract)
    for batch in batches:
        yield pyarrow.RecordBatch.from_arrays([batch[f.name].cast(f.type) for f in wanted], schema=wanted)


def of_postgres(
    dsn: str, relation: str, contract: Contract, where: str = "", may_be_older: bool = False
) -> Iterator[pyarrow.RecordBatch]:
    """Rows of a relation (`schema.name`), cast to the contract's types by PostgreSQL.

    A relation that may be older than the contract gives a renamed column by its former name, and nulls for an
    optional one that it lacks.
    """
    wanted = schema(contract)
    table = sql.Identifier(*relation.split("."))
    # Times come as whole microseconds, which Arrow can't cast from text, but from numbers.
    as_read = {f.name: pyarrow.int64() if pyarrow.types.is_timestamp(f.type) else f.type for f in wanted}
    options = f"{postgres_arrow.SESSION} -c default_transaction_read_only=on"
    with psycopg.connect(dsn, options=options) as connection:
        head = connection.execute(sql.SQL("select * from {} limit 0").format(table)).description or []
        there = [column.name for column in head] if may_be_older else None
        chosen = sql.SQL(", ").join(_cast(column, _place(column, there)) for column in contract.columns)
        condition = sql.SQL(f" where {where}" if where else "")
        query = sql.SQL("select {} from {}{}").format(chosen, table, condition)
        for batch in postgres_arrow.stream(connection, query, as_read):
            yield pyarrow.RecordBatch.from_arrays([batch[f.name].cast(f.type) for f in wanted], schema=wanted)


def _place(column: Column, there: list[str] | None) -> sql.Composable:
    """What to select of a relation with these columns; None: they are the contract's."""
    found = [name for name in column.names if there is None or name in there]
    if not found and not column.required and not column.key:
        return sql.SQL("null")
    return sql.Identifier((found or column.names)[0])


def _cast(column: Column, name: sql.Composable) -> sql.Composable:
    if column.type.startswith("timestamp"):
        return sql.SQL("(extract(epoch from {}) * 1000000)::bigint").format(name)
    if column.type.startswith("varchar"):
        # As PostgreSQL prints it, like an export: a cast to text strips char(n), and lengthens inet.
        return name
    return sql.SQL("{}::{}").format(name, sql.SQL(column.type.replace("double", "double precision")))


def hashes(batch: pyarrow.RecordBatch, columns: tuple[str, ...]) -> numpy.ndarray:
    """A 64-bit hash of the columns of each row."""
    texts = [_text(batch[name]) for name in columns]
    rows = pyarrow.compute.binary_join_element_wise(
        *texts, SEPARATOR, null_handling="replace", null_replacement=NULL
    )
    return pandas.util.hash_array(rows.to_numpy(zero_copy_only=False), categorize=False)


def _text(column: pyarrow.Array) -> pyarrow.Array:
    """The values as text; times as microseconds since 1970, which is many times faster than as dates."""
    plain = column.cast(pyarrow.int64()) if pyarrow.types.is_timestamp(column.type) else column
    return plain.cast(pyarrow.string())
