"""Which deliveries of an export are loaded: kept as a property of the commits that their events made."""

import hashlib
import json
from dataclasses import dataclass

from common import tables
from common.export_deliveries import File
from common.iceberg import Snapshots

DELIVERIES = "moraine.deliveries"
OVERLAP = 86_400_000_000
"""Microseconds for which deliveries are remembered one by one, for they may show up out of order."""


@dataclass(frozen=True)
class Progress:
    """What was written before `floor` (microseconds since 1970) is loaded, and so are the markers in `recent`: their
    times by a hash of their paths, below `prefix`, and times."""

    source: str
    prefix: str
    floor: int = 0
    recent: tuple[tuple[str, int], ...] = ()

    def has(self, marker: File) -> bool:
        return marker.at < self.floor or self._hash(marker) in dict(self.recent)

    def after(self, marker: File, pending: list[File]) -> "Progress":
        """The progress once a delivery is loaded; `pending` are the others that are not."""
        recent = (*self.recent, (self._hash(marker), marker.at))
        newest = max(at for _, at in recent)
        floor = max(self.floor, min([newest - OVERLAP, *[each.at for each in pending]]))
        return Progress(
            self.source, self.prefix, floor, tuple((name, at) for name, at in recent if at >= floor)
        )

    def properties(self, dataset: str) -> dict[str, str]:
        """As properties of a commit."""
        told = {"source": self.source, "floor": self.floor, "recent": dict(self.recent)}
        return {tables.DATASET: dataset, DELIVERIES: json.dumps(told, separators=(",", ":"))}

    def _hash(self, marker: File) -> str:
        name = f"{marker.path.removeprefix(self.prefix)}@{marker.at}"
        return hashlib.sha256(name.encode()).hexdigest()[:12]


def read(history: Snapshots, dataset: str, source: str, prefix: str) -> Progress:
    """The progress in a table's history: what the newest commit of this dataset and source says."""
    for _, summary in history.history():
        if summary.get(tables.DATASET) == dataset and DELIVERIES in summary:
            told = json.loads(summary[DELIVERIES])
            if told["source"] == source:
                return Progress(source, prefix, told["floor"], tuple(told["recent"].items()))
            break
    return Progress(source, prefix)
