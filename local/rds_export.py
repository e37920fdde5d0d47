"""RDS's snapshots and their export to S3.

A snapshot is made by `create_snapshot`, which plays RDS's daily backup window; its rows are frozen as files
at that time (rds_backups.py), so that an export is an upload, however late. State is in a folder and
survives a kill -9: an export that was under way starts over when the part does. Times are ISO 8601 texts.

https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_StartExportTask.html
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ExportSnapshot.html
"""

import json
import os
import re
import threading
from datetime import UTC, datetime
from pathlib import Path

import rds_upload
from aws_error import AwsError
from botocore.exceptions import ClientError
from rds_backups import Backups, query_time

AT_ONCE = 5
UNDER_WAY = ("STARTING", "IN_PROGRESS", "CANCELING")


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterValue", message)


class RdsExport:
    """`instances` maps an instance identifier to the connection string of the PostgreSQL that plays it.

    Region and account, for ARNs, are by default those of the emulator's environment.
    """

    def __init__(
        self,
        instances: dict[str, str],
        s3,
        state_dir: Path,
        region: str | None = None,
        account: str | None = None,
    ):
        region = region or os.environ.get("AWS_REGION", "us-east-1")
        account = account or os.environ.get("MINISTACK_ACCOUNT_ID", "000000000000")
        self.s3 = s3
        self.backups = Backups(instances, Path(state_dir) / "snapshots", f"arn:aws:rds:{region}:{account}")
        self.folder = Path(state_dir) / "exports"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.lock = threading.RLock()
        saved = [json.loads(path.read_text()) for path in self.folder.glob("*.json")]
        self.tasks = {task["ExportTaskIdentifier"]: task for task in saved}
        for task in self.tasks.values():
            if task["Status"] in UNDER_WAY:
                self._start(task)

    def handle(self, action: str, request: dict) -> dict:
        """Carries one action out. Raises AwsError with RDS's own codes."""
        actions = {
            "DescribeDBSnapshots": self._describe_snapshots,
            "StartExportTask": self._start_export,
            "DescribeExportTasks": self._describe_exports,
            "CancelExportTask": self._cancel_export,
        }
        if action not in actions:
            raise AwsError("InvalidAction", f"{action} is not played here; there are: {', '.join(actions)}")
        return actions[action](request)

    def create_snapshot(self, instance: str) -> dict:
        """Makes an automated snapshot, as RDS does once a day, and returns it as DescribeDBSnapshots does."""
        return self.backups.create(instance, self._exporting)

    def _exporting(self) -> set[str]:
        with self.lock:
            return {task["SourceArn"] for task in self.tasks.values() if task["Status"] in UNDER_WAY}

    def _describe_snapshots(self, request: dict) -> dict:
        wanted = request.get("DBSnapshotIdentifier")
        found = [
            each
            for each in self.backups.all()
            if wanted in (None, each["DBSnapshotIdentifier"], each["DBSnapshotArn"])
            and request.get("DBInstanceIdentifier") in (None, each["DBInstanceIdentifier"])
            and request.get("SnapshotType") in (None, each["SnapshotType"])
        ]
        if wanted and not found:
            raise AwsError("DBSnapshotNotFound", f"DBSnapshot {wanted} not found.", 404)
        return _page("DBSnapshots", found, request)

    def _start_export(self, request: dict) -> dict:
        for name in ("ExportTaskIdentifier", "SourceArn", "S3BucketName", "IamRoleArn", "KmsKeyId"):
            if not request.get(name):
                raise AwsError("MissingParameter", f"The request must contain the parameter {name}.")
        identifier = request["ExportTaskIdentifier"]
        if not re.fullmatch(r"[A-Za-z](-?[A-Za-z0-9]){0,59}", identifier) or len(identifier) > 60:
            raise _invalid(
                f"ExportTaskIdentifier {identifier!r} must start with a letter and have 1 to 60 letters, "
                "digits and single hyphens, none at its end"
            )
        snapshot = next(
            (each for each in self.backups.all() if each["DBSnapshotArn"] == request["SourceArn"]), None
        )
        if snapshot is None:
            raise AwsError("DBSnapshotNotFound", f"DBSnapshot {request['SourceArn']} not found.", 404)
        for each in request.get("ExportOnly") or []:
            if not re.fullmatch(r"[^.\s]+(\.[^.\s]+){0,2}", each):
                message = f"ExportOnly {each!r} must be database, database.schema or database.schema.table"
                raise AwsError("InvalidExportOnly", message)
        self._check_bucket(request["S3BucketName"])
        with self.lock:
            if identifier in self.tasks:
                message = f"The export task with the identifier {identifier} already exists."
                raise AwsError("ExportTaskAlreadyExists", message)
            if sum(task["Status"] in UNDER_WAY for task in self.tasks.values()) >= AT_ONCE:
                message = f"You have reached the maximum number of export tasks in progress, {AT_ONCE}."
                raise AwsError("ExportTaskLimitReachedFault", message)
            task = {
                "ExportTaskIdentifier": identifier,
                "SourceArn": request["SourceArn"],
                "SourceType": "SNAPSHOT",
                "ExportOnly": request.get("ExportOnly") or [],
                "SnapshotTime": snapshot["SnapshotCreateTime"],
                "S3Bucket": request["S3BucketName"],
                "S3Prefix": (request.get("S3Prefix") or "").strip("/"),
                "IamRoleArn": request["IamRoleArn"],
                "KmsKeyId": request["KmsKeyId"],
                "Status": "STARTING",
                "PercentProgress": 0,
                "TotalExtractedDataInGB": 0,
            }
            self._save(task)
            answer = dict(task)
        self._start(task)
        return answer

    def _check_bucket(self, name: str) -> None:
        try:
            self.s3.head_bucket(Bucket=name)
        except ClientError as error:
            message = f"The S3 bucket {name} doesn't exist, or the IAM role can't reach it."
            raise AwsError("InvalidS3BucketFault", message) from error

    def _describe_exports(self, request: dict) -> dict:
        filters = {each["Name"]: each["Values"] for each in request.get("Filters") or []}
        for name, field in (("export-task-identifier", "ExportTaskIdentifier"), ("source-arn", "SourceArn")):
            if request.get(field):
                filters[name] = [request[field]]
        with self.lock:
            found = [dict(task) for task in self.tasks.values() if _passes(task, filters)]
        if request.get("ExportTaskIdentifier") and not found:
            raise AwsError(
                "ExportTaskNotFound", f"Export task {request['ExportTaskIdentifier']} not found.", 404
            )
        return _page("ExportTasks", found, request)

    def _cancel_export(self, request: dict) -> dict:
        with self.lock:
            task = self.tasks.get(request.get("ExportTaskIdentifier"))
            if task is None:
                message = f"Export task {request.get('ExportTaskIdentifier')} not found."
                raise AwsError("ExportTaskNotFound", message, 404)
            if task["Status"] not in ("STARTING", "IN_PROGRESS"):
                message = f"The export task is {task['Status']}, and can't be canceled."
                raise AwsError("InvalidExportTaskStateFault", message)
            task["Status"] = "CANCELING"
            self._save(task)
            return dict(task)

    def _save(self, task: dict) -> None:
        with self.lock:
            self.tasks[task["ExportTaskIdentifier"]] = task
            path = self.folder / f"{task['ExportTaskIdentifier']}.json"
            path.with_suffix(".new").write_text(json.dumps(task))
            path.with_suffix(".new").replace(path)

    def _start(self, task: dict) -> None:
        threading.Thread(target=self._export, args=(task,), daemon=True).start()

    def _export(self, task: dict) -> None:
        try:
            task["TaskStartTime"] = task.get("TaskStartTime") or _now()
            if self._step(task, "IN_PROGRESS", 0):
                self._upload(task)
        except Exception as error:
            task["FailureCause"] = f"{type(error).__name__}: {error}"
            self._end(task, "FAILED")

    def _step(self, task: dict, status: str, percent: int) -> bool:
        """Moves the task on and returns True, unless someone cancelled it: then it ends, and False."""
        with self.lock:
            if task["Status"] == "CANCELING":
                self._end(task, "CANCELED")
                return False
            task["Status"], task["PercentProgress"] = status, percent
            self._save(task)
            return True

    def _end(self, task: dict, status: str) -> None:
        with self.lock:
            task["Status"], task["TaskEndTime"] = status, _now()
            self._save(task)

    def _upload(self, task: dict) -> None:
        folder = self.backups.path(task["SourceArn"].rpartition(":snapshot:")[2])
        size = rds_upload.tables(
            self.s3, folder, task, lambda percent: self._step(task, "IN_PROGRESS", percent)
        )
        with self.lock:
            if size is None or not self._step(task, "IN_PROGRESS", 100):
                return
            task["TotalExtractedDataInGB"] = size >> 30
            rds_upload.summary(self.s3, task, size, _now())
            self._end(task, "COMPLETE")


def _passes(task: dict, filters: dict[str, list[str]]) -> bool:
    values = {
        "export-task-identifier": task["ExportTaskIdentifier"],
        "s3-bucket": task["S3Bucket"],
        "source-arn": task["SourceArn"],
        "status": task["Status"].lower(),
    }
    return all(values.get(name) in wanted for name, wanted in filters.items())


def _page(name: str, found: list[dict], request: dict) -> dict:
    size, start = int(request.get("MaxRecords") or 100), int(request.get("Marker") or 0)
    if not 20 <= size <= 100:
        raise _invalid(f"MaxRecords is {size}; allowed are 20 to 100")
    more = {"Marker": str(start + size)} if start + size < len(found) else {}
    return {name: found[start : start + size], **more}


def _now() -> str:
    return query_time(datetime.now(UTC).isoformat())
