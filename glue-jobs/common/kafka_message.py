"""What one Kafka message says of a row, in plain Python: the texts of a contract's columns, or why it can't be read.

The values are texts in the forms that casts.py takes, for Spark casts them by contract. Nothing here knows Spark.
"""

import base64
import json
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from common import json_path

FORMATS = ("json", "avro", "debezium")


class Unreadable(ValueError):
    """A message that can't be read, in a sentence that says what was got and what is allowed."""


class Field(NamedTuple):
    """A column of the contract: its name, the names that it may have (newest first), whether it is of the key."""

    name: str
    names: tuple[str, ...]
    is_key: bool
    type: str
    required: bool


@dataclass(frozen=True)
class Told:
    """What a message says. `log` and `ordinal` are empty when its place in the topic is its position."""

    op: str
    values: list[str | None]
    missing: str | None = None
    rest: str | None = None
    previous_key: str | None = None
    log: str | None = None
    ordinal: str | None = None
    micros: int | None = None
    fields: dict[str, Any] = field(default_factory=dict)


def told_as(column: Field, record: dict[str, Any]) -> str | None:
    """The name by which a record has a column; None when it has none."""
    return next((name for name in column.names if name in record), None)


def upsert(record: Any, columns: list[Field]) -> Told:
    """A record that carries the whole row: what it lacks is null, what the contract lacks is kept in `_rest`."""
    if not isinstance(record, dict):
        raise Unreadable(f"the value is {shown(record)}; allowed is an object with the row's columns")
    values, absent, rest = read(record, columns)
    if lacking := [column.name for column in absent if column.required]:
        raise Unreadable(f"{lacking[0]}: is missing but required")
    return Told("upsert", values, rest=rest)


def delete(key: Any, columns: list[Field]) -> Told:
    """The end of the row of a key: an object with the key's columns, or, when it has one column, the value alone."""
    keys = [column for column in columns if column.is_key]
    record = key if isinstance(key, dict) else {keys[0].name: key} if len(keys) == 1 else {}
    values = [
        json_path.as_text(record.get(told_as(column, record) or "")) if column.is_key else None
        for column in columns
    ]
    if lacking := [c.name for c, value in zip(columns, values, strict=True) if c.is_key and value is None]:
        raise Unreadable(
            f"a delete, and its message's key is {shown(key)}, without {', '.join(lacking)}; "
            f"allowed is an object with {', '.join(column.name for column in keys)}"
        )
    return Told("delete", values)


def read(record: dict[str, Any], columns: list[Field]) -> tuple[list[str | None], list[Field], str | None]:
    """The texts of the columns, the columns that the record lacks, and what it has beyond them as JSON."""
    names = {column.name: told_as(column, record) for column in columns}
    values = [
        json_path.as_text(record[name]) if (name := names[column.name]) is not None else None
        for column in columns
    ]
    taken = {name for name in names.values() if name is not None}
    rest = {name: value for name, value in record.items() if name not in taken}
    absent = [column for column in columns if names[column.name] is None]
    return values, absent, json_path.as_text(rest) if rest else None


def parse_json(text: bytes, what: str) -> Any:
    """A JSON text with its numbers as they are written. Raises Unreadable."""
    try:
        return json_path.parse(text.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"the {what} is no JSON ({first_line(error)}): {shown_bytes(text)}") from error


def parse_key(key: bytes | None) -> Any:
    """A message's key: JSON, or else the text that it is."""
    if key is None:
        return None
    try:
        return json_path.parse(key.decode("utf-8"))
    except (ValueError, RecursionError):
        return text_of(key)


class Message(NamedTuple):
    """A message as it came, when Kafka had it (`micros`, since 1970), and the epoch in which it was read."""

    key: bytes | None
    value: bytes | None
    micros: int | None
    epoch: int | None


def payload(message: Message) -> str:
    """The message, a JSON object: `key` and `value` as texts, or in base64 what is no UTF-8, `timestamp_micros` and
    `epoch`."""
    told = {**_kept("key", message.key), **_kept("value", message.value)}
    return json.dumps(told | {"timestamp_micros": message.micros, "epoch": message.epoch}, ensure_ascii=False)


def from_payload(text: str) -> Message | None:
    """The message that `payload` wrote; None for any other text. An older one tells neither time nor epoch."""
    try:
        told = json.loads(text)
    except ValueError:
        return None
    if not isinstance(told, dict) or any(
        (name in told) == (f"{name}_base64" in told) for name in ("key", "value")
    ):
        return None
    texts = [told.get(name, told.get(f"{name}_base64")) for name in ("key", "value")]
    if not all(text is None or isinstance(text, str) for text in texts):
        return None
    key, value = (_unkept(name, told) for name in ("key", "value"))
    return Message(key, value, told.get("timestamp_micros"), told.get("epoch"))


def _kept(name: str, content: bytes | None) -> dict[str, str | None]:
    text = text_of(content)
    if content is not None and text is None:
        return {f"{name}_base64": base64.b64encode(content).decode()}
    return {name: text}


def _unkept(name: str, told: dict[str, Any]) -> bytes | None:
    if name not in told:
        return base64.b64decode(told[f"{name}_base64"])
    return None if told[name] is None else told[name].encode()


def text_of(content: bytes | None) -> str | None:
    """Bytes as UTF-8; None when they are none."""
    try:
        return None if content is None else content.decode("utf-8")
    except UnicodeDecodeError:
        return None


def shown(value: Any) -> str:
    """A value for a message to people, cut."""
    text = json_path.as_text(value) or "null"
    return text if len(text) <= 100 else f"{text[:100]}…"


def shown_bytes(content: bytes) -> str:
    """Bytes for a message to people, cut."""
    return shown(content[:101].decode("utf-8", "replace"))


def first_line(error: BaseException) -> str:
    """What an error says, in its first line."""
    return (str(error).splitlines() or [type(error).__name__])[0]
