"""RDS's export tasks, each a JSON file, so that they survive a kill -9."""

import json
import threading
from datetime import UTC, datetime
from pathlib import Path

from rds_snapshot_api import query_time

UNDER_WAY = ("STARTING", "IN_PROGRESS", "CANCELING")


class Tasks:
    """The tasks by their identifiers, as DescribeExportTasks tells them; `lock` is held while they change."""

    def __init__(self, folder: Path):
        self.folder, self.lock = folder, threading.RLock()
        folder.mkdir(parents=True, exist_ok=True)
        saved = [json.loads(path.read_text()) for path in folder.glob("*.json")]
        self.all = {task["ExportTaskIdentifier"]: task for task in saved}

    def under_way(self) -> list[dict]:
        with self.lock:
            return [task for task in self.all.values() if task["Status"] in UNDER_WAY]

    def save(self, task: dict) -> None:
        with self.lock:
            self.all[task["ExportTaskIdentifier"]] = task
            path = self.folder / f"{task['ExportTaskIdentifier']}.json"
            path.with_suffix(".new").write_text(json.dumps(task))
            path.with_suffix(".new").replace(path)

    def step(self, task: dict, percent: int) -> bool:
        """Moves the task on and returns True, unless someone cancelled it: then it ends, and False."""
        with self.lock:
            if task["Status"] == "CANCELING":
                self.end(task, "CANCELED")
                return False
            task["Status"], task["PercentProgress"] = "IN_PROGRESS", percent
            self.save(task)
            return True

    def end(self, task: dict, status: str) -> None:
        with self.lock:
            task["Status"], task["TaskEndTime"] = status, now()
            self.save(task)

    def passing(self, filters: dict[str, list[str]]) -> list[dict]:
        """Copies of the tasks that pass DescribeExportTasks's filters: name -> values allowed."""
        with self.lock:
            return [dict(task) for task in self.all.values() if _passes(task, filters)]


def now() -> str:
    return query_time(datetime.now(UTC).isoformat())


def _passes(task: dict, filters: dict[str, list[str]]) -> bool:
    values = {
        "export-task-identifier": task["ExportTaskIdentifier"],
        "s3-bucket": task["S3Bucket"],
        "source-arn": task["SourceArn"],
        "status": task["Status"].lower(),
    }
    return all(values.get(name) in wanted for name, wanted in filters.items())
