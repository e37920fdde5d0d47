"""Debezium's envelope (JSON, with or without its schema): a change of a row, and its place in the database's log.

https://debezium.io/documentation/reference/3.0/connectors/postgresql.html#postgresql-events
"""

import base64
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from common import json_path
from common.kafka_message import Field, Told, Unreadable, delete, read, shown, told_as

UPSERTS = {"c": "create", "u": "update", "r": "read"}
ALLOWED = "c, u, d, r, t"
UNCHANGED = "__debezium_unavailable_value"
"""What stands for a large value that an update left as it was: the connector does not know it."""
UNCHANGED_BYTES = base64.b64encode(UNCHANGED.encode()).decode()
EPOCH = datetime.fromtimestamp(0, UTC)
MYSQL_OFFSETS = 10**16
"""A binlog's file number and the offset in it share a position's digits, as in lambdas/transform-changes."""
TIMES = {
    "io.debezium.time.Timestamp": 1000,
    "org.apache.kafka.connect.data.Timestamp": 1000,
    "io.debezium.time.MicroTimestamp": 1,
    "io.debezium.time.NanoTimestamp": 0,
}
"""Microseconds in one unit; 0: nanoseconds."""
DATES = ("io.debezium.time.Date", "org.apache.kafka.connect.data.Date")
UNZONED = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+")
DECIMAL = "org.apache.kafka.connect.data.Decimal"


def change(value: Any, key: Any, columns: list[Field]) -> Told:
    """What an envelope says. Raises Unreadable."""
    envelope, schema = unwrapped(value)
    if not isinstance(envelope, dict) or "op" not in envelope or not isinstance(envelope.get("source"), dict):
        raise Unreadable(
            f"the value is {shown(value)}; allowed is Debezium's envelope: op, before, after, source"
        )
    op, source = envelope["op"], envelope["source"]
    log, ordinal = place(source, op)
    about = {"log": str(log), "ordinal": str(ordinal), "micros": micros(source)}
    if op == "t":
        return Told("truncate", [None for _ in columns], **about)
    before = spelled(envelope.get("before"), schema.get("before", {}), columns)
    if op == "d":
        told = {name: value for name, value in before.items() if value is not None}
        has_key = all(told_as(column, told) for column in columns if column.is_key)
        whole_key, key_schema = unwrapped(key)
        known = told if has_key else spelled(whole_key, key_schema, columns)
        return Told("delete", delete(known, columns).values, **about)
    if op not in UPSERTS:
        raise Unreadable(f"op is {shown(op)}; allowed are {ALLOWED}")
    after = spelled(envelope.get("after"), schema.get("after", {}), columns)
    unchanged = [name for name, value in after.items() if is_unchanged(value)]
    values, absent, rest = read({n: v for n, v in after.items() if n not in unchanged}, columns)
    if lacking := [c.name for c in absent if c.is_key or (c.required and op != "u")]:
        raise Unreadable(f"{lacking[0]}: is missing but required")
    # A new row has every column of its table: one that the source has dropped has no value, and is not to come.
    awaited = [each for each in absent if op == "u" or set(each.names) & set(unchanged)]
    missing = ",".join(column.name for column in awaited) or None
    return Told("upsert", values, missing, rest, moved_from(before, after, columns), **about)


def unwrapped(value: Any) -> tuple[Any, dict[str, Any]]:
    """A value without the schema that Kafka Connect's converter may put around it, and that schema's fields by name."""
    if isinstance(value, dict) and value.keys() == {"schema", "payload"}:
        return value["payload"], _fields(value["schema"])
    return value, {}


def _fields(schema: Any) -> dict[str, Any]:
    fields = schema.get("fields", []) if isinstance(schema, dict) else []
    return {
        each["field"]: _fields(each) if each.get("type") == "struct" and "fields" in each else each
        for each in fields
    }


def spelled(row: Any, schema: dict[str, Any], columns: list[Field]) -> dict[str, Any]:
    """A row with its values spelled as casts.py takes them."""
    if row is None:
        return {}
    if not isinstance(row, dict):
        raise Unreadable(f"a row is {shown(row)}; allowed is an object with its columns")
    types = {name: column.type for column in columns for name in column.names}
    return {
        name: spell(name, value, schema.get(name, {}), types.get(name, "")) for name, value in row.items()
    }


def respelled(rest: dict[str, Any], columns: list[Field]) -> dict[str, Any]:
    """What `_rest` kept of a row, spelled for the columns that it has by now. It was spelled by its schema, but a time
    of no zone does not say so: to Debezium it is one of UTC.
    """
    types = {name: column.type for column in columns for name in column.names}
    found = spelled(rest, {}, columns)
    zoned = [n for n, v in found.items() if types.get(n) == "timestamptz" and UNZONED.fullmatch(str(v))]
    return found | {name: f"{found[name]}Z" for name in zoned}


def is_unchanged(value: Any) -> bool:
    """Whether this stands for a large value that an update did not touch: the placeholder, its bytes in base64, or an
    array or a map of it, as the column's type is.

    https://debezium.io/documentation/reference/stable/connectors/postgresql.html#postgresql-toasted-values
    """
    if isinstance(value, list):
        return len(value) == 1 and value[0] == UNCHANGED
    if isinstance(value, dict):
        return value == {UNCHANGED: UNCHANGED}
    return isinstance(value, str) and value in (UNCHANGED, UNCHANGED_BYTES)


def spell(name: str, value: Any, schema: dict[str, Any], wanted: str) -> Any:
    """One value, by the meaning that its schema names; without one, a number in a time's column has no unit."""
    kind = schema.get("name")
    if value is None or is_unchanged(value):
        return value
    if kind in TIMES:
        scale = TIMES[kind]
        whole = int(value) // 1000 if scale == 0 else int(value) * scale
        time = (EPOCH + timedelta(microseconds=whole)).isoformat()
        return time.replace("+00:00", "Z" if wanted == "timestamptz" else "")
    if isinstance(value, json_path.Number) and (kind in DATES or wanted == "date"):
        return (EPOCH + timedelta(days=int(value))).date().isoformat()
    if kind == DECIMAL:
        return decimal(value, int(schema.get("parameters", {}).get("scale", 0)))
    if isinstance(value, json_path.Number) and wanted in ("timestamp", "timestamptz"):
        raise Unreadable(
            f"{name}: is {shown(value)}, and nothing says in which unit; let the connector send schemas "
            "(value.converter.schemas.enable=true) or texts (time.precision.mode=isostring)"
        )
    return value


def decimal(value: str, scale: int) -> json_path.Number:
    """Kafka Connect's decimal: the unscaled number, big-endian in two's complement, in base64."""
    unscaled = int.from_bytes(base64.b64decode(value), "big", signed=True)
    digits = str(abs(unscaled)).rjust(scale + 1, "0")
    text = f"{digits[:-scale]}.{digits[-scale:]}" if scale > 0 else digits + "0" * -scale
    return json_path.Number(f"-{text}" if unscaled < 0 else text)


def place(source: dict[str, Any], op: str) -> tuple[int, int]:
    """Log position and ordinal, as lambdas/transform-changes has them. Raises Unreadable for other connectors.

    What a snapshot has read (`r`) stands before every change at the same place. Ordinals are even, but of a row that
    is created, as the second half of one that is moved takes the next ordinal too.
    """
    connector, created = source.get("connector"), op == "c"
    try:
        match connector:
            case "postgresql":
                return int(source["lsn"]), 0 if op == "r" else 2 + created
            case "mysql" | "mariadb":
                number = int(re.search(r"\.(\d+)$", source["file"])[1])
                row = int(source.get("row") or 0)
                return number * MYSQL_OFFSETS + int(source["pos"]), 0 if op == "r" else 2 * row + 2 + created
            case "sqlserver":
                lsn = source.get("change_lsn") or source["commit_lsn"]
                serial = int(source.get("event_serial_no") or 0)
                return int(lsn.replace(":", ""), 16), 0 if op == "r" else 2 * serial + 2 + created
    except (KeyError, TypeError, ValueError) as error:
        raise Unreadable(
            f"source of {connector} does not say where in the log it stands: {shown(source)}"
        ) from error
    raise Unreadable(
        f"source.connector is {shown(connector)}; allowed are postgresql, mysql, mariadb, sqlserver"
    )


def micros(source: dict[str, Any]) -> int | None:
    """When the database made the change, in microseconds since 1970; None when it does not say."""
    if source.get("ts_us") is not None:
        return int(source["ts_us"])
    return int(source["ts_ms"]) * 1000 if source.get("ts_ms") is not None else None


def moved_from(before: dict[str, Any], after: dict[str, Any], columns: list[Field]) -> str | None:
    """The key that an update moved the row from, JSON; None when it kept its key or does not tell another."""
    old, moved = {}, False
    for column in (each for each in columns if each.is_key):
        then, now = told_as(column, before), told_as(column, after)
        current = json_path.as_text(after[now]) if now else None
        former = json_path.as_text(before[then]) if then and before[then] is not None else current
        moved = moved or former != current
        old[column.name] = former
    return json.dumps(old) if moved else None
