"""Automated snapshots of RDS instances, as folders on disk (rds_snapshot.py makes them).

https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_WorkingWithAutomatedBackups.html
"""

import json
import re
import shutil
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import rds_snapshot
from aws_error import AwsError

RETAINED = 7


class Backups:
    """`instances` maps an instance to its PostgreSQL's connection string; `arn` starts snapshots' ARNs."""

    def __init__(self, instances: dict[str, str], folder: Path, arn: str):
        self.instances, self.folder, self.arn = instances, folder, arn
        self.making, self.lock = threading.Lock(), threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)
        for unfinished in folder.glob("*.partial"):
            shutil.rmtree(unfinished)

    def create(self, instance: str, in_use: Callable[[], set[str]]) -> dict:
        """Makes a snapshot, and removes all but the newest RETAINED and those `in_use` (ARNs).

        It is named for its minute; where that name is taken, for the next free minute. RDS makes one a day
        and keeps them for 7 days by default.
        """
        if instance not in self.instances:
            known = ", ".join(sorted(self.instances)) or "none"
            raise AwsError("DBInstanceNotFound", f"DBInstance {instance} not found; there are: {known}", 404)
        with self.making:
            minute = datetime.now(UTC)
            while (folder := self.path(f"rds:{instance}-{minute:%Y-%m-%d-%H-%M}")).exists():
                minute += timedelta(minutes=1)
            rds_snapshot.freeze(self.instances[instance], folder)
            mine = [each for each in self.all() if each["DBInstanceIdentifier"] == instance]
            busy = in_use()
            for each in mine[:-RETAINED]:
                if each["DBSnapshotArn"] not in busy:
                    self._remove(self.path(each["DBSnapshotIdentifier"]))
        return mine[-1]

    def _remove(self, folder: Path) -> None:
        gone = folder.with_name(f"{folder.name}.partial")
        with self.lock:
            folder.rename(gone)
        shutil.rmtree(gone)

    def path(self, identifier: str) -> Path:
        """The folder of a snapshot."""
        return self.folder / identifier.replace("rds:", "rds_", 1)

    def all(self) -> list[dict]:
        """Every snapshot as DescribeDBSnapshots tells it, oldest first."""
        with self.lock:
            folders = [path for path in self.folder.iterdir() if path.suffix != ".partial"]
            found = [(path, json.loads((path / "snapshot.json").read_text())) for path in folders]
        found.sort(key=lambda each: each[1]["time"])
        return [self._describe(path.name.replace("rds_", "rds:", 1), content) for path, content in found]

    def _describe(self, identifier: str, content: dict) -> dict:
        moment = query_time(content["time"])
        size = sum(table.get("bytes", 0) for table in content["tables"])
        return {
            "DBSnapshotIdentifier": identifier,
            "DBInstanceIdentifier": re.sub(r"^rds:|-\d{4}(-\d\d){4}$", "", identifier),
            "DBSnapshotArn": f"{self.arn}:snapshot:{identifier}",
            "SnapshotType": "automated",
            "SnapshotCreateTime": moment,
            "OriginalSnapshotCreateTime": moment,
            "Status": "available",
            "PercentProgress": 100,
            "Engine": "postgres",
            "AllocatedStorage": max(20, size >> 30),
            "Encrypted": True,
        }


def query_time(text: str) -> str:
    """An ISO 8601 time as RDS writes it: UTC, milliseconds."""
    return datetime.fromisoformat(text).isoformat(timespec="milliseconds").replace("+00:00", "Z")
