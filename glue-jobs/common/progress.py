"""How far silver has come: kept as properties of silver's own commits, so that the two can't part."""

from dataclasses import dataclass, replace

from common import tables
from common.iceberg import Snapshots
from common.position import NEVER


@dataclass(frozen=True)
class Progress:
    """What the newest merge left behind. Times are ISO text in UTC with microseconds; empty text is "none
    yet".

    `truncate_floor` is the highest known, `applied_floor` the one that every row has been joined with. They
    differ, and `restamp` names a `_merged_at` that is too old, only when another merge's commit came between
    a merge's start and its commit and Iceberg saw no conflict; the next merge mends that.
    """

    base: int | None = None
    consumed: int | None = None
    truncate_floor: str = NEVER
    applied_floor: str = NEVER
    tombstone_floor: str = NEVER
    merged_at: str = ""
    newest_committed_at: str = ""
    newest_position: str = NEVER
    restamp: str = ""
    moved: str = ""
    """Commit times of transactions that moved rows, in microseconds, comma-separated (crossings.py)."""
    overtaken: bool = False
    """Another merge's commit came between the newest one's start and its commit, and none has mended that since:
    only tables without a key mind.
    """
    behind_since: str = ""
    """When the first of the transactions was committed that stand below a place that was told before (log_order.py)."""

    def with_moved(self, times: list[int], most: int) -> "Progress":
        """With these transactions besides, of all the newest."""
        known = {int(at) for at in self.moved.split(",") if at} | set(times)
        return replace(self, moved=",".join(str(at) for at in sorted(known)[-most:]))

    @property
    def sound(self) -> bool:
        """False when the next merge has something to mend."""
        return self.truncate_floor == self.applied_floor and not self.restamp

    def properties(self) -> dict[str, str]:
        """As properties of a commit."""
        named = {
            tables.BASE: str(self.base or ""),
            tables.CONSUMED: str(self.consumed or ""),
            tables.TRUNCATE_FLOOR: self.truncate_floor,
            tables.APPLIED_FLOOR: self.applied_floor,
            tables.TOMBSTONE_FLOOR: self.tombstone_floor,
            tables.MERGED_AT: self.merged_at,
            tables.NEWEST_COMMITTED_AT: self.newest_committed_at,
            tables.NEWEST_POSITION: self.newest_position,
            tables.MOVED: self.moved,
            tables.OVERTAKEN: "true" if self.overtaken else "",
            tables.BEHIND_SINCE: self.behind_since,
        }
        return {name: value for name, value in named.items() if value}


def read(silver: Snapshots) -> Progress:
    """The progress in silver's history: the newest commit that carries it, checked against those it didn't
    know of: commits of other merges, of compactions (which carry nothing), and of purges, which raise the tombstone
    floor.
    """
    newest: dict[str, str] | None = None
    between: list[dict[str, str]] = []
    for snapshot_id, summary in silver.history():
        if newest is not None and str(snapshot_id) == newest.get(tables.BASE):
            break
        if newest is None and tables.CONSUMED in summary:
            newest = summary
        else:
            between.append(summary)
    if newest is None:
        return Progress(base=silver.current)
    highest = {
        name: max(each.get(name, "") for each in [newest, *between])
        for name in (tables.TRUNCATE_FLOOR, tables.TOMBSTONE_FLOOR, tables.MERGED_AT)
    }
    own = newest.get(tables.MERGED_AT, "")
    newer = [each for each in between if each.get(tables.MERGED_AT, "") > own]
    return Progress(
        base=silver.current,
        consumed=int(newest[tables.CONSUMED]),
        truncate_floor=highest[tables.TRUNCATE_FLOOR],
        applied_floor=newest.get(tables.APPLIED_FLOOR, NEVER),
        tombstone_floor=highest[tables.TOMBSTONE_FLOOR],
        merged_at=highest[tables.MERGED_AT],
        newest_committed_at=newest.get(tables.NEWEST_COMMITTED_AT, ""),
        newest_position=newest.get(tables.NEWEST_POSITION, NEVER),
        moved=newest.get(tables.MOVED, ""),
        overtaken=tables.OVERTAKEN in newest or any(tables.TOKEN in each for each in between),
        behind_since=newest.get(tables.BEHIND_SINCE, ""),
        restamp=own if newer and int(newest.get("added-records", 0)) else "",
    )
