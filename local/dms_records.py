"""Changes of PostgreSQL as the records that DMS writes to Kinesis.

A record is its partition key and its JSON, put together as text: the values are JSON already (dms_values.py), and
this happens for every change. The form is that of messages recorded from AWS.

https://docs.aws.amazon.com/dms/latest/userguide/CHAP_Target.Kinesis.html#CHAP_Target.Kinesis.MessageFormat
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from json.encoder import encode_basestring as quoted
from typing import NamedTuple

import dms_values
import pgoutput
from dms_mappings import Mappings
from pgoutput import Change, Relation, Row

Record = tuple[str, bytes]
"""Partition key, data."""
MAX_KEY = 256


class Options(NamedTuple):
    """What the endpoint and the replication say of records; defaults are DMS's."""

    values: dms_values.Settings = dms_values.Settings()
    one_line: bool = False
    null_and_empty: bool = False
    transaction: bool = False
    partition_value: bool = False
    schema_and_table: bool = False
    control_details: bool = False
    table_changes: bool = False
    before_image: str | None = None
    """Name of the field of before-images; None when they are off."""
    before_all: bool = False
    """Before-images have every column that the log has, else only key columns that have changed."""


class Table:
    """A table as its relation message tells it, and how its rows are written."""

    def __init__(self, relation: Relation, keys: list[str], options: Options, key_type: str | None):
        self.schema, self.name, self.columns = relation.schema, relation.table, relation.columns
        self.writers = [
            (f"{quoted(name)}:", dms_values.writer(kind, modifier, options.values))
            for name, kind, modifier in relation.columns
        ]
        names = [column.name for column in relation.columns]
        self.keys = [names.index(name) for name in keys if name in names]
        self.options, self.key_type = options, key_type if self.keys else "schema-table"
        self.place = f'"schema-name":{quoted(self.schema)},"table-name":{quoted(self.name)}'
        self.separator = ("," if options.one_line else ",\n\t\t").join

    def data(self, row: Row) -> str:
        """The row as a JSON object; columns that a change does not carry are left out."""
        whole = self.options.null_and_empty
        parts = []
        for (name, write), value in zip(self.writers, row, strict=True):
            if value:
                parts.append(name + write(value))
            elif whole and value is not False:
                parts.append(name + ("null" if value is None else '""'))
        return f"{{{self.separator(parts)}}}"

    def before(self, old: Row | None, new: Row) -> str:
        """The before-image of an update."""
        if old is None:
            return "{}"
        if self.options.before_all and any(old[at] for at in range(len(old)) if at not in self.keys):
            return self.data(old)
        changed = [at for at in self.keys if old[at] not in (new[at], False)]
        pairs = [self.writers[at][0] + _written(self.writers[at][1], old[at]) for at in changed]
        return f"{{{self.separator(pairs)}}}"

    def partition(self, kind: str, row: Row) -> str:
        """The partition key of a row: of kind `primary-key` or `schema-table`."""
        table = f"{self.schema}.{self.name}"
        if kind == "schema-table":
            return table[:MAX_KEY]
        value = ".".join(str(row[at]) for at in self.keys)
        return (f"{table}.{value}" if self.options.schema_and_table else value)[:MAX_KEY]

    def definition(self) -> dict:
        """The table-def of a control record."""
        columns = {
            name: {
                "type": dms_values.NAMES.get(kind, "STRING"),
                "nullable": at not in self.keys,
            }
            for at, (name, kind, _) in enumerate(self.columns)
        }
        return {"columns": columns, "primary-key": [self.columns[at].name for at in self.keys]}


class Recorder:
    """Writes the records of one replication, in the order of the log. `task` is its resource id."""

    def __init__(self, task: str, options: Options, mappings: Mappings, clock: Callable[[], datetime] = None):
        self.task, self.options, self.mappings = task, options, mappings
        self.clock = clock or (lambda: datetime.now(UTC))
        self.transaction = self.first_lsn = self.messages = self.count = 0
        self.committed_at = ""
        self.previous: tuple[int, int] | None = None
        """Transaction and record before this transaction."""

    def table(self, relation: Relation, keys: list[str]) -> Table:
        self.messages += 1
        key_type = self.mappings.partition_key(relation.schema, relation.table)
        return Table(relation, keys, self.options, key_type)

    def begin(self, begin: pgoutput.Begin, lsn: int) -> None:
        if self.count:
            self.previous = (self.transaction, self.count)
        self.transaction, self.first_lsn, self.messages, self.count = begin.transaction, lsn, 1, 0
        self.committed_at = _time(begin.committed_at)

    def change(self, table: Table, change: Change, lsn: int) -> Record:
        """The record of a row's change at a place in the log."""
        row = change.old if change.new is None else change.new
        before = ""
        if change.operation == "update" and self.options.before_image:
            before = f",{quoted(self.options.before_image)}:{table.before(change.old, change.new)}"
        key_type = table.key_type or "schema-table"
        return self._record(table, row, change.operation, key_type, before, self._transaction(lsn))

    def load(self, table: Table, row: Row) -> Record:
        """The record of a row as a full load finds it."""
        return self._record(table, row, "load", table.key_type or "primary-key", "", "")

    def control(self, table: Table, operation: str) -> Record:
        """A control record: create-table, truncate-table, add-column, drop-column."""
        control = {"table-def": table.definition()} if self.options.control_details else {}
        if operation == "truncate-table":
            control = {}
        value = f'"partition-key-value":{quoted(self.task)},' if self.options.partition_value else ""
        metadata = (
            f'"timestamp":"{_time(self.clock())}","record-type":"control","operation":"{operation}",'
            f'"partition-key-type":"task-id",{value}{table.place}'
        )
        text = f'{{"control":{json.dumps(control)},"metadata":{{{metadata}}}}}'
        return f"{self.task}.{table.schema}.{table.name}"[:MAX_KEY], self._ended(text)

    def truncate(self, table: Table, lsn: int) -> Record:
        """The control record of a truncated table, with its place in the log."""
        key, data = self.control(table, "truncate-table")
        at = self._transaction(lsn)
        return key, data.replace(table.place.encode(), f"{table.place}{at}".encode(), 1)

    def _transaction(self, lsn: int) -> str:
        self.count += 1
        self.messages += 1
        found = f',"transaction-id":{self.transaction}'
        if not self.options.transaction:
            return found
        found += f',"transaction-record-id":{self.count}'
        if self.previous:
            transaction, record = self.previous
            found += f',"prev-transaction-id":{transaction},"prev-transaction-record-id":{record}'
        position = f"{_position(lsn)}.{self.messages}.{_position(self.first_lsn)}"
        return f'{found},"commit-timestamp":"{self.committed_at}","stream-position":"{position}"'

    def _record(
        self, table: Table, row: Row, operation: str, key_type: str, before: str, transaction: str
    ) -> Record:
        key = table.partition(key_type, row)
        value = ""
        if self.options.partition_value and key_type != "schema-table":
            value = f',"partition-key-value":{quoted(key)}'
        text = (
            f'{{"data":{table.data(row)}{before},"metadata":{{"timestamp":"{_time(self.clock())}",'
            f'"record-type":"data","operation":"{operation}","partition-key-type":"{key_type}"{value},'
            f"{table.place}{transaction}}}}}"
        )
        return key, self._ended(text)

    def _ended(self, text: str) -> bytes:
        return (f"{text}\n" if self.options.one_line else text).encode()


def _written(write: dms_values.Writer, value: str | None) -> str:
    return "null" if value is None else write(value) if value else '""'


def _position(lsn: int) -> str:
    return f"{lsn >> 32:08X}/{lsn & 0xFFFFFFFF:08X}"


def _time(at: datetime) -> str:
    return f"{at.isoformat(timespec='microseconds')[:26]}Z"
