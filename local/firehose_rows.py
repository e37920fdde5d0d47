"""JSON records as rows of an Iceberg table, by Firehose's rules, and their append in one commit.

What AWS documents: columns are matched by name, exactly; a record with a column that the table lacks goes to
the error prefix (`Iceberg.MissingColumnWithinRecord`); timestamps are sent in microseconds; binary as base64.
Not documented, and chosen here: dates are days since 1970 or ISO 8601 text, decimals are numbers or text, and
no other type is converted.

https://docs.aws.amazon.com/firehose/latest/dev/apache-iceberg-considerations.html
"""

import base64
import json
import random
import time
import uuid
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

import pyarrow
from pyiceberg.exceptions import CommitFailedException
from pyiceberg.io.pyarrow import schema_to_pyarrow, write_file
from pyiceberg.partitioning import PartitionFieldValue, PartitionKey
from pyiceberg.table import Table, WriteTask
from pyiceberg.types import (
    BinaryType,
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
    FloatType,
    IntegerType,
    ListType,
    LongType,
    MapType,
    StringType,
    StructType,
    TimestampType,
    TimestamptzType,
)

ATTEMPTS = 20
EPOCH = date(1970, 1, 1)


class Refused(Exception):
    """A record that Firehose does not write; `code` is what its error object says."""

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code


DECODER = json.JSONDecoder(parse_float=Decimal)


def parse(data: bytes) -> dict:
    """The record's JSON object, in UTF-8; numbers with a point are kept exactly. Raises Refused."""
    try:
        found = DECODER.decode(data.decode())
    except ValueError as error:
        raise Refused("Iceberg.InvalidJson", f"The record is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise Refused("Iceberg.InvalidJson", f"The record is {type(found).__name__}, not a JSON object")
    return found


def reader(table: Table) -> Callable[[dict], dict]:
    """Makes of what `parse` gives a row of the table, of Python values that Arrow takes. It raises Refused."""
    fields = table.schema().fields
    converters = [(field.name, _converter(field.field_type)) for field in fields]
    names, required = {field.name for field in fields}, [field.name for field in fields if field.required]

    def row(record: dict) -> dict:
        if not record.keys() <= names:
            unknown = next(name for name in record if name not in names)
            message = f"The table {'.'.join(table.name())} has no column {unknown}"
            raise Refused("Iceberg.MissingColumnWithinRecord", message)
        for name in required:
            if record.get(name) is None:
                message = f"The record has no value for the required column {name}"
                raise Refused("Iceberg.MissingColumnWithinRecord", message)
        try:
            return {name: convert(record.get(name)) for name, convert in converters}
        except (TypeError, ValueError, KeyError, OverflowError, InvalidOperation) as error:
            message = f"The record does not fit the table: {error}"
            raise Refused("Iceberg.SchemaTypeMismatch", message) from error

    return row


def _converter(kind) -> Callable[[Any], Any]:
    """Turns a value of JSON, or None, into one of an Iceberg type; for each change, so that the type is asked once."""
    types, convert = _rule(kind)

    def checked(value):
        if value is None:
            return None
        if type(value) not in types:
            raise TypeError(f"{value!r} is no {kind}")
        return convert(value)

    def as_it_is(value):
        if value is None or type(value) in types:
            return value
        raise TypeError(f"{value!r} is no {kind}")

    return checked if convert else as_it_is


def _rule(kind) -> tuple[tuple[type, ...], Callable[[Any], Any] | None]:
    """The types that a value of JSON may have for an Iceberg type, and what makes it one; None when nothing must."""
    if isinstance(kind, StringType):
        return (str,), lambda value: value if value.isascii() else value.encode().decode()
    if isinstance(kind, BooleanType):
        return (bool,), None
    if isinstance(kind, IntegerType | LongType | TimestampType | TimestamptzType):
        end = 1 << (31 if isinstance(kind, IntegerType) else 63)
        return (int,), lambda value: _within(value, -end <= value < end, kind)
    if isinstance(kind, DoubleType | FloatType):
        return (int, Decimal), float
    if isinstance(kind, DecimalType):
        return (int, Decimal, str), _decimal(kind)
    if isinstance(kind, DateType):
        return (
            int,
            str,
        ), lambda value: EPOCH + timedelta(days=value) if type(value) is int else date.fromisoformat(value)
    if isinstance(kind, BinaryType):
        return (str,), lambda value: base64.b64decode(value, validate=True)
    if isinstance(kind, ListType):
        element = _converter(kind.element_type)
        return (list,), lambda value: [element(each) for each in value]
    if isinstance(kind, MapType):
        held = _converter(kind.value_type)
        return (dict,), lambda value: [(name, held(each)) for name, each in value.items()]
    if isinstance(kind, StructType):
        parts = [(field.name, _converter(field.field_type)) for field in kind.fields]
        return (dict,), lambda value: {name: convert(value.get(name)) for name, convert in parts}
    return (str, bool, int, Decimal, list, dict), lambda value: _unplayed(kind)


def _unplayed(kind):
    raise TypeError(f"type {kind} is not played here")


def _within(value, fits: bool, kind):
    if not fits:
        raise ValueError(f"{value!r} is out of range for {kind}")
    return value


def _decimal(kind: DecimalType) -> Callable[[int | Decimal | str], Decimal]:
    unit, end = Decimal(1).scaleb(-kind.scale), Decimal(10) ** (kind.precision - kind.scale)

    def convert(value: int | Decimal | str) -> Decimal:
        number = Decimal(value)
        exact = number.quantize(unit)
        if exact != number or not -end < exact < end:
            raise ValueError(f"{value!r} does not fit {kind}")
        return exact

    return convert


def append(catalog, identifier: tuple[str, str], rows: list[dict]) -> None:
    """Appends rows of `row` in one commit; its files are written once, however often it is contested."""
    table = catalog.load_table(identifier)
    files = list(write_file(table.io, table.metadata, _tasks(table, rows)))
    for attempt in range(ATTEMPTS):
        try:
            with table.transaction() as transaction:
                with transaction.update_snapshot().fast_append() as update:
                    for file in files:
                        update.append_data_file(file)
            return
        except CommitFailedException:
            if attempt == ATTEMPTS - 1:
                raise
            time.sleep(random.uniform(0, 0.05 * 2 ** min(attempt, 5)))
            table = catalog.load_table(identifier)


def _tasks(table: Table, rows: list[dict]):
    """One file for each partition. (pyiceberg's own way there needs its Rust extension for transforms.)"""
    schema, spec, written = table.schema(), table.spec(), schema_to_pyarrow(table.schema())
    transforms = []
    for field in spec.fields:
        source = schema.find_field(field.source_id)
        transforms.append((field, source, field.transform.transform(source.field_type)))
    groups: dict[tuple, list[dict]] = {}
    for each in rows:
        values = tuple(transform(_internal(each[source.name])) for _, source, transform in transforms)
        groups.setdefault(values, []).append(each)
    job = uuid.uuid4()
    for index, (values, some) in enumerate(groups.items()):
        found = [
            PartitionFieldValue(field, value) for (field, *_), value in zip(transforms, values, strict=True)
        ]
        batches = pyarrow.Table.from_pylist(some, written).combine_chunks().to_batches()
        key = PartitionKey(found, spec, schema) if found else None
        yield WriteTask(job, index, schema, batches, partition_key=key)


def _internal(value):
    """The value as Iceberg's transforms want it: dates as days."""
    return (value - EPOCH).days if isinstance(value, date) else value
