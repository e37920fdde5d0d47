"""A dataset's contract: its columns, their types, its key and what it promises. `common.contract_file` reads it."""

import re
from typing import Literal

from pydantic import BaseModel, ConfigDict

MAX_VARCHAR = 16_384
ALLOWED_TYPES = (
    "boolean, int, bigint, double, decimal(p,s) with p to 38, date, timestamp, timestamptz, "
    f"varchar(n) with n from 1 to {MAX_VARCHAR}"
)
ROW_KEY = ("_row_hash", "_row_copy")
"""What stands for the key where the source has none (common/keyless_merge.py)."""
SPARK_TYPES = {
    "boolean": "boolean",
    "int": "int",
    "bigint": "bigint",
    "double": "double",
    "date": "date",
    "timestamp": "timestamp_ntz",
    "timestamptz": "timestamp",
}


def is_type(physical: str) -> bool:
    """Whether a column may have this physicalType (ALLOWED_TYPES)."""
    if physical in SPARK_TYPES:
        return True
    if match := re.fullmatch(r"varchar\((\d+)\)", physical):
        return 1 <= int(match[1]) <= MAX_VARCHAR
    match = re.fullmatch(r"decimal\((\d+),(\d+)\)", physical)
    return bool(match) and 1 <= int(match[1]) <= 38 and int(match[2]) <= int(match[1])


class ContractError(ValueError):
    """A contract that can't be used: one line with the file, the value got, the values allowed and what to
    do.
    """


class Column(BaseModel):
    """A column. `type` is one of ALLOWED_TYPES; `valid_values` is None when any value may stand in it."""

    model_config = ConfigDict(frozen=True)
    name: str
    type: str
    required: bool = False
    key: bool = False
    classification: Literal["public", "internal", "confidential", "personal"] = "internal"
    description: str = ""
    previous_names: tuple[str, ...] = ()
    valid_values: tuple[str, ...] | None = None

    @property
    def spark_type(self) -> str:
        """The column's type in Spark SQL and in the DDL of Iceberg tables."""
        return SPARK_TYPES.get(self.type) or ("string" if self.type.startswith("varchar") else self.type)

    @property
    def names(self) -> tuple[str, ...]:
        """What the column is called in what was written at one time or another: its name, then the former
        ones, newest first.
        """
        return tuple(dict.fromkeys((self.name, *reversed(self.previous_names))))

    @property
    def length(self) -> int | None:
        """Characters that a varchar holds; None for other types."""
        return int(self.type[8:-1]) if self.type.startswith("varchar") else None


class Contract(BaseModel):
    """A dataset's contract. Times: `freshness_hours` in hours, `retention_days` in days, None when not
    promised. The key is ROW_KEY where no column is part of one.
    """

    model_config = ConfigDict(frozen=True)
    dataset: str
    version: str
    description: str = ""
    domain: str = ""
    owner: str = ""
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    bucket_count: int = 16
    freshness_hours: float | None = None
    retention_days: int | None = None

    @property
    def keyless(self) -> bool:
        """The source's table has no key: it may have equal rows, and each is a row of its own."""
        return self.key == ROW_KEY

    @property
    def values(self) -> tuple[Column, ...]:
        """The columns that are not part of the key."""
        return tuple(column for column in self.columns if not column.key)

    @property
    def key_columns(self) -> tuple[Column, ...]:
        """The columns by which a source names a row: the key's, in its order; all of them without a key."""
        if self.keyless:
            return self.columns
        by_name = {column.name: column for column in self.columns}
        return tuple(by_name[name] for name in self.key)
