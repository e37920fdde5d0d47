"""How far a topic has come: kept as a property of the commits that its messages made, so that the two can't part."""

import json
from dataclasses import dataclass, field

from pyspark.sql import Column
from pyspark.sql import functions as f

from common import tables
from common.iceberg import Snapshots

OFFSETS = "moraine.kafka-offsets"


@dataclass(frozen=True)
class Progress:
    """The offset of each partition that is to be read next. Of a former epoch, or another topic, nothing counts."""

    topic: str
    epoch: int
    offsets: dict[int, int] = field(default_factory=dict)

    def after(self, ends: dict[int, int]) -> "Progress":
        """The progress once the messages before these offsets are read as well."""
        return Progress(
            self.topic,
            self.epoch,
            self.offsets | {p: max(end, self.offsets.get(p, 0)) for p, end in ends.items()},
        )

    def ahead(self, partition: str, offset: str) -> Column:
        """Whether a message, by the columns of its partition and offset, is beyond it."""
        beyond = f.col(offset) >= 0
        for number, end in self.offsets.items():
            beyond = beyond & ((f.col(partition) != number) | (f.col(offset) >= end))
        return beyond

    def properties(self, dataset: str) -> dict[str, str]:
        """As properties of a commit."""
        told = {"topic": self.topic, "epoch": self.epoch, "offsets": self.offsets}
        return {tables.DATASET: dataset, OFFSETS: json.dumps(told, sort_keys=True)}

    def starting(self, partitions: list[int]) -> str:
        """Where Spark begins: each partition at its offset, or at its earliest message."""
        return json.dumps({self.topic: {str(p): self.offsets.get(p, -2) for p in partitions}})


def read(history: Snapshots, dataset: str, topic: str, epoch: int) -> Progress:
    """The progress in a table's history: what the newest commit of this dataset, topic and epoch says."""
    for _, summary in history.history():
        if summary.get(tables.DATASET) != dataset or OFFSETS not in summary:
            continue
        told = json.loads(summary[OFFSETS])
        if (told["topic"], told["epoch"]) == (topic, epoch):
            return Progress(topic, epoch, {int(p): offset for p, offset in told["offsets"].items()})
        break
    return Progress(topic, epoch)
