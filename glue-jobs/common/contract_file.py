"""Reads data contracts (Open Data Contract Standard v3.1.0, `<dataset>.odcs.yaml`): the one description of a
dataset.

https://bitol-io.github.io/open-data-contract-standard/v3.1.0/
"""

import io
import re
import zipfile
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from common.contract import ALLOWED_TYPES, ROW_KEY, Column, Contract, ContractError, is_type

SUFFIX = ".odcs.yaml"
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""A safe loader, in C where PyYAML has it: several times faster."""


def load(location: str, dataset: str) -> Contract:
    """The contract of one dataset below `location` (see `load_all`). Raises ContractError if none."""
    contracts = load_all(location)
    if dataset not in contracts:
        known = ", ".join(sorted(contracts)) or "none"
        raise ContractError(
            f"no contract for dataset {dataset!r} in {location}; there are: {known}. Name one of them"
        )
    return contracts[dataset]


def load_all(location: str) -> dict[str, Contract]:
    """Every contract of a folder, a .zip file, or an s3://….zip, by dataset.

    Raises ContractError that names both files when two contracts can't be told apart.
    """
    files = _files(location)
    _check_distinct({name: _document(name, text) for name, text in files})
    found = [parse(name, text) for name, text in files]
    return {contract.dataset: contract for contract in found}


def _files(location: str) -> list[tuple[str, str]]:
    if location.startswith("s3://"):
        import boto3

        bucket, _, key = location.removeprefix("s3://").partition("/")
        body = boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        return _zipped(io.BytesIO(body))
    path = Path(location)
    if path.suffix == ".zip" and path.is_file():
        return _zipped(io.BytesIO(path.read_bytes()))
    if not path.is_dir():
        raise ContractError(f"contracts {location!r} is neither a folder nor a .zip file; give one of these")
    return [(f"contracts/{file.name}", file.read_text("utf-8")) for file in sorted(path.glob(f"*{SUFFIX}"))]


def _zipped(file: io.BytesIO) -> list[tuple[str, str]]:
    with zipfile.ZipFile(file) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(SUFFIX))
        return [(f"contracts/{name}", archive.read(name).decode("utf-8")) for name in names]


def _document(file: str, text: str) -> dict[str, Any]:
    try:
        document = yaml.load(text, LOADER)
    except yaml.YAMLError as error:
        raise ContractError(f"{file}: not YAML ({' '.join(str(error).split())}); correct the file") from error
    if not isinstance(document, dict):
        raise ContractError(f"{file}: is {type(document).__name__}; write an ODCS document (a YAML mapping)")
    return document


def _check_distinct(documents: dict[str, dict[str, Any]]) -> None:
    """A contract that was copied and not renamed would take the other's place."""
    seen: dict[tuple[str, str], str] = {}
    for file, document in documents.items():
        match document.get("schema"):
            case [{"name": dataset}, *_]:
                names = {"dataset": dataset}
            case _:
                names = {}
        for field, value in (names | {name: document.get(name) for name in ("id", "name")}).items():
            if not isinstance(value, str):
                continue
            if other := seen.get((field, value)):
                raise ContractError(
                    f'{file}: {field} is "{value}", as in {other}; each contract has its own: remove one '
                    "file, or correct it"
                )
            seen[field, value] = file


def parse(file: str, text: str) -> Contract:
    """The contract that `text` (YAML) declares; `file` is named in errors. Raises ContractError."""
    document = _document(file, text)
    schema = document.get("schema")
    if not (isinstance(schema, list) and len(schema) == 1 and isinstance(schema[0], dict)):
        raise ContractError(f"{file}: schema must hold exactly one object, the dataset; write one")
    table = schema[0]
    properties = table.get("properties") or []
    columns = tuple(_column(file, each) for each in properties)
    if not columns:
        raise ContractError(f"{file}: the schema has no properties; write a column at least")
    keyed = [each for each in properties if each.get("primaryKey")]
    keyed.sort(key=lambda each: each.get("primaryKeyPosition") or 1)
    _check_names(file, columns)
    if keyed:
        _check_bucketed(file, next(column for column in columns if column.name == keyed[0]["name"]))
    service_levels = {each.get("property"): each for each in document.get("slaProperties") or []}
    try:
        return Contract(
            dataset=_dataset(file, table),
            version=str(document.get("version", "")),
            description=" ".join(str((document.get("description") or {}).get("purpose", "")).split()),
            domain=document.get("domain", ""),
            owner=_owner(document.get("team")),
            columns=columns,
            key=tuple(each["name"] for each in keyed) or ROW_KEY,
            bucket_count=_bucket_count(file, table),
            freshness_hours=_duration(file, service_levels, "freshness", {"h": 1, "d": 24}),
            retention_days=_duration(file, service_levels, "retention", {"d": 1, "m": 30, "y": 365}),
        )
    except ValidationError as error:
        raise _readable(file, error) from error


def _column(file: str, declared: Any) -> Column:
    name, physical = declared.get("name"), str(declared.get("physicalType"))
    if not is_type(physical):
        raise ContractError(
            f"{file}: column {name!r} has physicalType {physical!r}; allowed: {ALLOWED_TYPES}. Use one"
        )
    valid = [
        (rule.get("arguments") or {}).get("validValues")
        for rule in declared.get("quality") or []
        if rule.get("type", "library") == "library" and rule.get("metric") == "invalidValues"
    ]
    try:
        return Column(
            name=name,
            type=physical,
            required=bool(declared.get("required") or declared.get("primaryKey")),
            key=bool(declared.get("primaryKey")),
            classification=declared.get("classification", "internal"),
            description=" ".join(str(declared.get("description", "")).split()),
            previous_names=_custom(declared, "previousNames", ()),
            valid_values=tuple(str(value) for value in valid[0]) if valid and valid[0] else None,
        )
    except ValidationError as error:
        raise _readable(f"{file}: column {name!r}", error) from error


def _check_names(file: str, columns: tuple[Column, ...]) -> None:
    seen: set[str] = set()
    for name in (column.name for column in columns):
        if name.startswith("_"):
            raise ContractError(
                f"{file}: column {name!r} starts with _, which is reserved for bookkeeping; rename it"
            )
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", name):
            raise ContractError(
                f"{file}: column {name!r}: allowed are up to 63 of a-z, 0-9 and _, a letter first; rename it"
            )
        if name in seen:
            raise ContractError(f"{file}: column {name!r} is declared twice; remove one")
        seen.add(name)
    for column in columns:
        for former in column.names[1:]:
            if former in seen:
                raise ContractError(
                    f"{file}: column {column.name!r} has {former!r} under previousNames, which is the name, "
                    "present or former, of another column; a name means one column: choose another for the "
                    "new one"
                )
            seen.add(former)


def _check_bucketed(file: str, first: Column) -> None:
    if first.type in ("boolean", "double"):
        raise ContractError(
            f"{file}: the key's first column {first.name!r} is {first.type}, which Iceberg can't bucket; "
            "put another column first (primaryKeyPosition: 1)"
        )


def _dataset(file: str, table: dict) -> str:
    """The dataset's name, which is its file's too: one search shows its whole path."""
    name = str(table.get("name"))
    if Path(file).name != f"{name}{SUFFIX}":
        raise ContractError(f"{file}: describes {name!r}; a contract's file is named after its dataset")
    return name


def _bucket_count(file: str, table: dict) -> int:
    count = _custom(table, "bucketCount", 16)
    if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= 1024:
        raise ContractError(f"{file}: bucketCount is {count!r}; give a whole number from 1 to 1024")
    return count


def _custom(declared: dict, name: str, default: Any) -> Any:
    values = [
        each["value"] for each in declared.get("customProperties") or [] if each.get("property") == name
    ]
    return values[0] if values else default


def _owner(team: Any) -> str:
    return team.get("name", "") if isinstance(team, dict) else ""


def _duration(file: str, service_levels: dict, name: str, units: dict[str, int]) -> float | None:
    if name not in service_levels:
        return None
    value, unit = service_levels[name].get("value"), service_levels[name].get("unit")
    if unit not in units or not isinstance(value, int | float) or value <= 0:
        raise ContractError(
            f"{file}: {name} is {value!r} {unit!r}; give a number above 0 and a unit of {', '.join(units)}"
        )
    return value * units[unit]


def _readable(where: str, error: ValidationError) -> ContractError:
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"])
    return ContractError(f"{where}: {field} is {first['input']!r}: {first['msg']}; correct it")
