"""Whether a database's log went back: after a restore that nobody told us of, what is committed later stands at lower
places than what was merged before, and silver would take no notice of it until the log has passed its former end.

DMS tells the place of a change, not that of its commit: one long transaction stands below what was committed while it
was open. So it takes two, committed some time apart, and nothing above between them.
"""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from pyspark.sql import Column
from pyspark.sql import functions as f

from common import position
from common.contract import Contract
from common.progress import Progress

APART = timedelta(minutes=10)
"""At least, from the first transaction that is below to one that proves it."""
MICROSECOND = timedelta(microseconds=1)
EPOCH = datetime.fromtimestamp(0, UTC)


class News(NamedTuple):
    """What a batch has of a database's stream: whether a change stands above all that was merged before; and of the
    changes that are below, though committed after all of that, the first and the last commit, in microseconds."""

    above: bool = False
    first_below: int | None = None
    last_below: int | None = None


def news(dataset: Contract, done: Progress) -> list[Column]:
    """Aggregates of a batch, by the names of `News`. In SQL, for each function called from Python takes its time.

    Only the changes of a database count, which lambdas/transform-changes took from a stream (`_origin`); not the rows
    that DMS loads, which stand at the beginning of the log.
    """
    log = f"substring(_position, {position.WIDTHS[0] + 2}, {position.WIDTHS[1]})"
    told = (
        f"_fault is null and startswith(_origin, '{dataset.dataset}/kinesis/') "
        f"and {log} <> '{'0' * position.WIDTHS[1]}'"
    )
    above = f"_position > '{done.newest_position}'"
    committed = "unix_micros(_committed_at)"
    later = f"{committed} > {_micros(done.newest_committed_at)}" if done.newest_committed_at else "true"
    below = f"filter (where {told} and not {above} and {later})"
    found = (f"count_if({told} and {above}) > 0", f"min({committed}) {below}", f"max({committed}) {below}")
    return [f.expr(each).alias(name) for name, each in zip(News._fields, found, strict=True)]


def judge(behind_since: str, batch: News) -> tuple[str, bool]:
    """Since when changes have stood below (ISO text; empty: they do not), and whether that proves that the log went
    back."""
    if batch.above:
        return "", False
    if batch.first_below is None or batch.last_below is None:
        return behind_since, False
    since = _micros(behind_since) if behind_since else batch.first_below
    return _iso(since), batch.last_below - since >= APART // MICROSECOND


def _micros(text: str) -> int:
    return (datetime.fromisoformat(text) - EPOCH) // MICROSECOND


def _iso(micros: int) -> str:
    return (EPOCH + micros * MICROSECOND).isoformat(timespec="microseconds")
