"""RDS's snapshots and their export to S3.

A snapshot is made by `create_snapshot`, which plays RDS's daily backup window; its rows are frozen as files
at that time (rds_backups.py), so that an export is an upload, however late; rds_snapshot_api.py tells of
snapshots. State is in a folder and survives a kill -9: an export that was under way starts over when the part
does. Times are ISO 8601 texts.

https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_StartExportTask.html
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ExportSnapshot.html
"""

import os
import re
import threading
from collections.abc import Callable
from pathlib import Path

import rds_snapshot_api
import rds_upload
from aws_error import AwsError
from botocore.exceptions import ClientError
from rds_backups import Backups, Snapshot
from rds_snapshot_api import page, query_time
from rds_tasks import Tasks, now

AT_ONCE = 5
REQUIRED = ("ExportTaskIdentifier", "SourceArn", "S3BucketName", "IamRoleArn", "KmsKeyId")


class RdsExport:
    """`databases` maps `db:<instance>` and `cluster:<cluster>` to the connection string of the PostgreSQL that
    plays it; `s3_of(role)` gives the client with which an export writes in the name of its role.

    Region and account, for ARNs, are by default those of the emulator's environment.
    """

    ACTIONS = (
        *("CreateDBSnapshot", "DescribeDBSnapshots", "CopyDBSnapshot", "DeleteDBSnapshot"),
        *("CreateDBClusterSnapshot", "DescribeDBClusterSnapshots"),
        *("CopyDBClusterSnapshot", "DeleteDBClusterSnapshot"),
        *("StartExportTask", "DescribeExportTasks", "CancelExportTask"),
    )

    def __init__(
        self,
        databases: dict[str, str],
        s3_of: Callable,
        state_dir: Path,
        region: str | None = None,
        account: str | None = None,
    ):
        region = region or os.environ.get("AWS_REGION", "us-east-1")
        account = account or os.environ.get("MINISTACK_ACCOUNT_ID", "000000000000")
        self.s3_of = s3_of
        self.backups = Backups(databases, Path(state_dir) / "snapshots", region, account)
        apis = (rds_snapshot_api.of_instances(self.backups), rds_snapshot_api.of_clusters(self.backups))
        self.apis = {api.kind: api for api in apis}
        self.others = 0
        self.tasks = Tasks(Path(state_dir) / "exports")
        for task in self.tasks.under_way():
            self._start(task)

    def handle(self, action: str, request: dict) -> dict:
        """Carries one action out. Raises AwsError with RDS's own codes."""
        actions = {
            "StartExportTask": self._start_export,
            "DescribeExportTasks": self._describe_exports,
            "CancelExportTask": self._cancel_export,
        }
        for api in self.apis.values():
            actions |= api.actions()
        if action not in actions:
            raise AwsError("InvalidAction", f"{action} is not played here; there are: {', '.join(actions)}")
        return actions[action](request)

    def create_snapshot(self, database: str, shared_by: str | None = None, key: str | None = None) -> dict:
        """Makes an automated snapshot, as RDS does once a day, or one that account `shared_by` made by hand and
        shares with us, encrypted with `key` or not at all; returns it as RDS describes it."""
        made = self.backups.create(database, self._exporting, shared_by, key)
        return self.apis[made.kind].describe(made)

    def occupy(self, exports: int) -> dict:
        """Says how many exports of others are under way in the account: they count against its limit."""
        self.others = exports
        return {"others": exports}

    def _exporting(self) -> set[str]:
        return {task["SourceArn"] for task in self.tasks.under_way()}

    def _start_export(self, request: dict) -> dict:
        snapshot = self._checked(request)
        identifier = request["ExportTaskIdentifier"]
        with self.tasks.lock:
            if identifier in self.tasks.all:
                message = f"The export task with the identifier {identifier} already exists."
                raise AwsError("ExportTaskAlreadyExists", message)
            if snapshot.arn in self._exporting():
                message = f"Another export task of {snapshot.arn} is in progress."
                raise AwsError("InvalidExportSourceState", message)
            if len(self.tasks.under_way()) + self.others >= AT_ONCE:
                message = f"You have reached the limit of {AT_ONCE} concurrent export tasks"
                raise AwsError("ExportTaskLimitReachedFault", message)
            task = {
                "ExportTaskIdentifier": identifier,
                "SourceArn": request["SourceArn"],
                "SourceType": "SNAPSHOT",
                "ExportOnly": request.get("ExportOnly") or [],
                "SnapshotTime": query_time(snapshot.time),
                "S3Bucket": request["S3BucketName"],
                "S3Prefix": (request.get("S3Prefix") or "").strip("/"),
                "IamRoleArn": request["IamRoleArn"],
                "KmsKeyId": request["KmsKeyId"],
                "Status": "STARTING",
                "PercentProgress": 0,
                "TotalExtractedDataInGB": 0,
            }
            self.tasks.save(task)
            answer = dict(task)
        self._start(task)
        return answer

    def _checked(self, request: dict) -> Snapshot:
        """The snapshot of a request that is in order."""
        for name in REQUIRED:
            if not request.get(name):
                raise AwsError("MissingParameter", f"The request must contain the parameter {name}.")
        identifier = request["ExportTaskIdentifier"]
        if not re.fullmatch(r"[A-Za-z](-?[A-Za-z0-9]){0,59}", identifier) or len(identifier) > 60:
            message = (
                f"ExportTaskIdentifier {identifier!r} must start with a letter and have 1 to 60 letters, "
                "digits and single hyphens, none at its end"
            )
            raise AwsError("InvalidParameterValue", message)
        snapshot = self._snapshot(request["SourceArn"])
        for each in request.get("ExportOnly") or []:
            if not re.fullmatch(r"[A-Za-z0-9$_]+(\.[A-Za-z0-9$_]+){0,2}", each):
                message = f"ExportOnly {each!r} must be database, database.schema or database.schema.table"
                raise AwsError("InvalidExportOnly", message)
        try:
            self.s3_of(request["IamRoleArn"]).head_bucket(Bucket=request["S3BucketName"])
        except ClientError as error:
            message = (
                f"The S3 bucket {request['S3BucketName']} doesn't exist, or the IAM role can't reach it."
            )
            raise AwsError("InvalidS3BucketFault", message) from error
        return snapshot

    def _snapshot(self, arn: str) -> Snapshot:
        """A snapshot of this account that is ready; one that is shared must be copied first."""
        for each in self.backups.all():
            if each.arn == arn and each.account == self.backups.account:
                if not each.ready:
                    message = "Export source should be 'available' but current status is creating."
                    raise AwsError("InvalidExportSourceState", message)
                return each
        raise AwsError("DBSnapshotNotFound", f"DBSnapshot {arn} not found.", 404)

    def _describe_exports(self, request: dict) -> dict:
        filters = {each["Name"]: each["Values"] for each in request.get("Filters") or []}
        for name, field in (("export-task-identifier", "ExportTaskIdentifier"), ("source-arn", "SourceArn")):
            if request.get(field):
                filters[name] = [request[field]]
        found = self.tasks.passing(filters)
        if request.get("ExportTaskIdentifier") and not found:
            message = f"Export task {request['ExportTaskIdentifier']} not found."
            raise AwsError("ExportTaskNotFound", message, 404)
        return page("ExportTasks", found, request)

    def _cancel_export(self, request: dict) -> dict:
        with self.tasks.lock:
            task = self.tasks.all.get(request.get("ExportTaskIdentifier"))
            if task is None:
                message = f"Export task {request.get('ExportTaskIdentifier')} not found."
                raise AwsError("ExportTaskNotFound", message, 404)
            if task["Status"] not in ("STARTING", "IN_PROGRESS"):
                message = f"The export task is {task['Status']}, and can't be canceled."
                raise AwsError("InvalidExportTaskStateFault", message)
            task["Status"] = "CANCELING"
            self.tasks.save(task)
            return dict(task)

    def _start(self, task: dict) -> None:
        threading.Thread(target=self._export, args=(task,), daemon=True).start()

    def _export(self, task: dict) -> None:
        try:
            task["TaskStartTime"] = task.get("TaskStartTime") or now()
            if self.tasks.step(task, 0):
                self._upload(task)
        except Exception as error:
            task["FailureCause"] = f"{type(error).__name__}: {error}"
            self.tasks.end(task, "FAILED")

    def _upload(self, task: dict) -> None:
        folder = self.backups.path(task["SourceArn"])
        s3 = self.s3_of(task["IamRoleArn"])
        size = rds_upload.tables(s3, folder, task, lambda percent: self.tasks.step(task, percent))
        with self.tasks.lock:
            if size is None or not self.tasks.step(task, 100):
                return
            task["TotalExtractedDataInGB"] = size >> 30
            rds_upload.summary(s3, task, size, now())
            self.tasks.end(task, "COMPLETE")
