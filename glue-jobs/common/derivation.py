"""How far a derivation has come: kept as properties of its own commits to bronze, so that the two can't part."""

from dataclasses import dataclass

from common import tables
from common.iceberg import Snapshots

DECLARATION = "moraine.declaration"
REPLACED = ("added-position-deletes", "added-equality-deletes", "deleted-records")
"""Of a commit's summary: rows that were there have another content now, or none."""


@dataclass(frozen=True)
class Done:
    """What the newest run left behind: the events' snapshot that it read, that state's time, a digest of its
    declaration.

    `alone` is false when another run's commit came between its start and its own: neither knew of the other.
    """

    snapshot: int | None = None
    merged_at: str = ""
    declaration: str = ""
    alone: bool = True


def read_done(history: Snapshots) -> Done:
    """Progress, out of the history of the sessions' bronze."""
    newest: dict[str, str] | None = None
    for snapshot_id, summary in history.history():
        if newest is not None and str(snapshot_id) == newest[tables.BASE]:
            break
        if DECLARATION not in summary:
            continue
        if newest is not None:
            return Done(alone=False)
        newest = summary
    if newest is None:
        return Done()
    return Done(int(newest[tables.CONSUMED]), newest[tables.MERGED_AT], newest[DECLARATION])


def replaced_since(silver: Snapshots, snapshot: int) -> bool:
    """Whether a commit after this snapshot, which is in silver's history, replaced or removed rows."""
    for snapshot_id, summary in silver.history():
        if snapshot_id == snapshot:
            return False
        if any(int(summary.get(name, 0)) for name in REPLACED):
            return True
    return False
