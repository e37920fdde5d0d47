"""The SQL of the merge: joins a folded batch (`s`) with silver (`t`), each in silver's encoding (see
fold.py).
"""

from common.contract import Column, Contract
from common.fold import differing, incomplete
from common.position import EMPTIED, LENGTH, NEVER


def merge_sql(
    contract: Contract,
    silver: str,
    staging: str,
    merged_at: str,
    truncate_floor: str = NEVER,
    tombstone_floor: str = NEVER,
) -> str:
    """MERGE INTO silver. `merged_at` is ISO text in UTC, which the staging table has too, as `_merged_at`.

    Pass the truncate floor only when the batch raises it: then every row of silver is joined with it, which
    reads and may rewrite the whole table. A row that the batch doesn't change is left alone, and none is inserted at or
    below the tombstone floor (see `unless_purged`).
    """
    source, target = _Side("s"), _Side("t")
    # Not as a literal: Spark would compile the statement anew for each merge.
    stamp = "cast(s.`_merged_at` as timestamp)"
    columns = [column.name for column in contract.columns]
    inserted = [*columns, "_position", "_is_deleted", "_incomplete", "_column_positions"]
    statement = f"""
merge into {silver} t using {staging} s on {" and ".join(f"t.`{name}` = s.`{name}`" for name in contract.key)}
when matched and {_changes(contract, source, target)} then update set {_sets(contract, source, target, stamp)}
when not matched{unless_purged(tombstone_floor)} then insert ({_list(inserted)}, `_merged_at`)
  values ({", ".join(f"s.`{name}`" for name in inserted)}, {stamp})"""
    if truncate_floor != NEVER:
        floor = _Floor(truncate_floor)
        statement += f"""
when not matched by source and {_changes(contract, floor, target)} then update set {
            _sets(contract, floor, target, f"timestamp'{merged_at}'")
        }"""
    return statement


def unless_purged(tombstone_floor: str) -> str:
    """SQL: of the changes at or below the floor only those came here whose tombstone was there when the merge began. If
    it was purged since, the change would bring a deleted row back.
    """
    return f" and s.`_position` > '{tombstone_floor}'" if tombstone_floor != NEVER else ""


class _Side:
    """SQL of a row's stamps and values."""

    def __init__(self, alias: str):
        self._alias = alias
        self.existence = f"concat({alias}.`_position`, if({alias}.`_is_deleted`, '{EMPTIED}', ''))"

    def stamp(self, column: Column) -> str:
        """A row that was merged before a rename knows the column by its former name."""
        stamps = [f"{self._alias}.`_column_positions`['{name}']" for name in column.names]
        return f"coalesce({', '.join(stamps)}, {self.existence})"

    def value(self, column: Column) -> str:
        return f"{self._alias}.`{column.name}`"


class _Floor:
    """A row that a truncate at the floor emptied: joined with the rows that the batch doesn't name."""

    def __init__(self, floor: str):
        self.existence = f"'{floor}{EMPTIED}'"

    def stamp(self, column: Column) -> str:
        return self.existence

    def value(self, column: Column) -> str:
        return f"cast(null as {column.spark_type})"


def _wins(column: Column, one: _Side | _Floor, other: _Side) -> str:
    """`one` has the greater (stamp, value), null being the least value."""
    mine, theirs = one.value(column), other.value(column)
    greater = f"coalesce({mine} > {theirs}, {mine} is not null and {theirs} is null)"
    newer, level = (f"{one.stamp(column)} {sign} {other.stamp(column)}" for sign in (">", "="))
    return f"({newer} or ({level} and {greater}))"


def _changes(contract: Contract, one: _Side | _Floor, other: _Side) -> str:
    wins = [_wins(column, one, other) for column in contract.values]
    return f"({' or '.join([f'{one.existence} > {other.existence}', *wins])})"


def _sets(contract: Contract, one: _Side | _Floor, other: _Side, merged_at: str) -> str:
    existence = f"greatest({one.existence}, {other.existence})"
    stamps = [
        (column.name, f"greatest({one.stamp(column)}, {other.stamp(column)})") for column in contract.values
    ]
    sets = {
        column.name: f"if({_wins(column, one, other)}, {one.value(column)}, {other.value(column)})"
        for column in contract.values
    }
    sets |= {
        "_position": f"left({existence}, {LENGTH})",
        "_is_deleted": f"{existence} like '%{EMPTIED}'",
        "_incomplete": incomplete(existence, [stamp for _, stamp in stamps]),
        "_column_positions": differing(existence, stamps),
        "_merged_at": merged_at,
    }
    return ", ".join(f"t.`{name}` = {value}" for name, value in sets.items())


def _list(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
