"""AWS DMS Serverless: endpoints, replication configs and their replications, which run as processes of their own
(dms_replication.py).

What is configured and what each replication is to do is on disk: after a kill, those that ran go on from where their
source's slot stands. Times are seconds since 1970.

https://docs.aws.amazon.com/dms/latest/userguide/CHAP_Serverless.html
https://docs.aws.amazon.com/dms/latest/APIReference/API_StartReplication.html
"""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import dms_source
import psycopg2
from aws_error import AwsError
from dms_config import STILL, TABLE_STATE, checked, describe_config, describe_replication, wrong_state
from dms_runner import Runner
from dms_settings import dsn_of, options
from dms_store import Store
from notes import note

STARTS = ("start-replication", "resume-processing", "reload-target")


class Dms:
    """`dsns` maps secrets of sources to the PostgreSQL that plays them. `allow(role, [(action, arn)])` raises AwsError
    unless the role may do it; `role_of(role)` is the role in whose name records are put, None for the account's own."""

    ACTIONS = (
        *("DescribeReplications", "StartReplication", "StopReplication", "ModifyReplicationConfig"),
        *("DescribeReplicationConfigs", "DescribeReplicationTableStatistics"),
    )

    def __init__(
        self,
        dsns: dict[str, str],
        folder: Path,
        endpoint: str,
        region: str,
        account: str,
        allow: Callable[[str, list[tuple[str, str]]], None] = lambda role, needed: None,
        role_of: Callable[[str], str | None] = lambda role: None,
    ):
        self.dsns, self.endpoint, self.region = dsns, endpoint, region
        self.allow, self.role_of = allow, role_of
        self.lock, self.runners, self.faults = threading.RLock(), {}, {}
        self.store = Store(Path(folder) / "dms.json", f"arn:aws:dms:{region}:{account}")

    def go_on(self) -> None:
        """Goes on with replications that ran when the emulator ended."""
        with self.lock:
            for config in self.store.configs.values():
                if config["Status"] == "stopping":
                    self._told(config, status="stopped")
                elif config["Status"] not in STILL:
                    self._run(config, again=True)

    def handle(self, action: str, request: dict) -> dict:
        """Carries one action out. Raises AwsError with DMS's own codes."""
        if action not in self.ACTIONS:
            message = f"{action} is not played here; there are: {', '.join(self.ACTIONS)}"
            raise AwsError("UnknownOperationException", message)
        with self.lock:
            return {
                "DescribeReplications": lambda: {
                    "Replications": [*map(describe_replication, self.store.found(request))]
                },
                "DescribeReplicationConfigs": lambda: {
                    "ReplicationConfigs": [*map(describe_config, self.store.found(request))]
                },
                "DescribeReplicationTableStatistics": lambda: self._statistics(request),
                "StartReplication": lambda: self._start(request),
                "StopReplication": lambda: self._stop(request),
                "ModifyReplicationConfig": lambda: {"ReplicationConfig": self.modify(request)},
            }[action]()

    def create_endpoint(self, properties: dict) -> str:
        """Makes an endpoint of CloudFormation's properties and returns its ARN."""
        with self.lock:
            return self.store.add("endpoint", properties)

    def change_endpoint(self, arn: str, properties: dict) -> None:
        """DMS reads an endpoint's settings when a replication starts."""
        with self.lock:
            self.store.endpoints[arn] = properties
            self.store.save()

    def delete_endpoint(self, arn: str) -> None:
        with self.lock:
            if used := [c["ReplicationConfigArn"] for c in self.store.configs.values() if arn in c.values()]:
                raise AwsError("InvalidResourceStateFault", f"Endpoint {arn} is used by {', '.join(used)}")
            self.store.endpoints.pop(arn, None)
            self.store.save()

    def create_config(self, properties: dict) -> str:
        """Makes a replication config, which is not started, and returns its ARN."""
        config = checked(properties, self.store.endpoints)
        now = time.time()
        state = {"Status": "created", "Created": now, "Updated": now, "Begun": False, "Ran": False}
        with self.lock:
            arn = self.store.add("replication-config", {**config, **state})
            self.store.configs[arn]["ReplicationConfigArn"] = arn
            self.store.save()
        return arn

    def modify(self, request: dict) -> dict:
        """Changes a config. Raises AwsError (InvalidResourceStateFault) unless its replication stands still."""
        config = self.store.config(request)
        if config["Status"] not in STILL:
            raise wrong_state(
                f"Replication config {config['ReplicationConfigArn']} can't be changed", config, STILL
            )
        changed = {name: value for name, value in request.items() if value is not None}
        config |= checked({**config, **changed}, self.store.endpoints)
        config["Updated"] = time.time()
        self.store.save()
        return describe_config(config)

    def delete_config(self, arn: str) -> None:
        """Deletes a config, and its slot and publication at the source. Raises AwsError while it runs."""
        with self.lock:
            config = self.store.configs.get(arn)
            if config is None:
                return
            if config["Status"] not in STILL:
                raise wrong_state(f"Replication config {arn} can't be deleted", config, STILL)
            if config["Ran"] and (dsn := self._dsn(config)):
                try:
                    dms_source.drop(dsn, _task(arn))
                except psycopg2.Error as error:  # the database is gone, and its slot with it
                    note(f"dms: slot of {arn}: {error}")
            del self.store.configs[arn]
            self.store.save()

    def disturb(self, faults: dict) -> dict:
        """Makes the wire of every replication as bad as AWS allows it to be: dms_sink.Faults."""
        with self.lock:
            self.faults = faults
            for runner in self.runners.values():
                runner.disturb(faults)
        return faults

    def catch_up(self, timeout: float = 60) -> None:
        """Waits until every running replication has put what its source has committed by now.

        Raises TimeoutError when one has not within `timeout` seconds."""
        with self.lock:
            running = [c for c in self.store.configs.values() if c["Status"] not in STILL]
            sources = [(self._dsn(c), self._slot(c), c["ReplicationConfigArn"]) for c in running]
        end = time.monotonic() + timeout
        for dsn, slot, arn in sources:
            if dsn and not dms_source.wait(dsn, slot, lambda a=arn: time.monotonic() < end and self._runs(a)):
                status = self.store.configs.get(arn, {}).get("Status", "deleted")
                raise TimeoutError(
                    f"{arn} ({status}) has not put what its source had committed {timeout} s ago"
                )

    def close(self) -> None:
        """Ends the processes; their replications go on at the next start."""
        for runner in list(self.runners.values()):
            runner.stop()

    def _runs(self, arn: str) -> bool:
        return self.store.configs.get(arn, {}).get("Status", STILL[0]) not in STILL

    def _start(self, request: dict) -> dict:
        config, kind = self.store.config(request), request.get("StartReplicationType")
        if kind not in STARTS:
            message = f"StartReplicationType is {kind!r}; allowed are {', '.join(STARTS)}"
            raise AwsError("InvalidParameterValueException", message)
        if config["Status"] not in STILL:
            raise wrong_state(f"Replication {config['ReplicationConfigArn']} can't be started", config, STILL)
        if (kind == STARTS[0]) == config["Ran"]:
            word = "running for the first time" if config["Ran"] else "that ran before"
            name = kind.upper().replace("-", "_")
            message = f"Start Type : {name}, valid only for tasks {word}"
            raise AwsError("InvalidParameterCombinationException", message)
        config["Ran"], config["StartReplicationType"] = True, kind
        config["Begun"] = config["Begun"] and kind == STARTS[1]
        config["Started"] = time.time()
        for gone in ("FailureMessages", "StopReason"):
            config.pop(gone, None)
        self._run(config, again=False)
        return {"Replication": describe_replication(config)}

    def _run(self, config: dict, again: bool) -> None:
        config["Status"] = "initializing"
        self.store.save()
        arn = config["ReplicationConfigArn"]
        self.runners[arn] = Runner(
            lambda again: self._job(config, again),
            lambda **what: self._told(config, **what),
            self.faults,
            again,
        )

    def _stop(self, request: dict) -> dict:
        config = self.store.config(request)
        if config["Status"] in (*STILL, "stopping"):
            raise wrong_state(
                f"Replication {config['ReplicationConfigArn']} can't be stopped", config, ("running",)
            )
        config["Status"] = "stopping"
        self.store.save()
        runner = self.runners.pop(config["ReplicationConfigArn"], None)

        def end() -> None:
            if runner:
                runner.stop()
            self._told(config, status="stopped")

        threading.Thread(target=end, daemon=True).start()
        return {"Replication": describe_replication(config)}

    def _told(self, config: dict, status: str | None = None, **what) -> None:
        """What a runner says of its replication."""
        with self.lock:
            if status and not (config["Status"] == "stopping" and status != "stopped"):
                config["Status"] = status
            if status in STILL:
                config["Stopped"] = time.time()
                config["StopReason"] = (
                    "Stop Reason NORMAL" if status == "stopped" else "Stop Reason FATAL_ERROR"
                )
            config |= what
            self.store.save()

    def _slot(self, config: dict) -> str:
        given = (self.store.endpoints[config["SourceEndpointArn"]].get("PostgreSqlSettings") or {}).get(
            "SlotName"
        )
        return given or dms_source.name_of(_task(config["ReplicationConfigArn"]))

    def _secret(self, config: dict) -> str:
        source = self.store.endpoints[config["SourceEndpointArn"]]
        return (source.get("PostgreSqlSettings") or {}).get("SecretsManagerSecretId") or ""

    def _dsn(self, config: dict) -> str | None:
        return dsn_of(self._secret(config), self.dsns)

    def _job(self, config: dict, again: bool) -> dict:
        """What a replication's process is told (dms_replication.Job). Raises LookupError, AwsError or ValueError when
        it can't run: then it has failed."""
        source, target = (
            self.store.endpoints[config[name]] for name in ("SourceEndpointArn", "TargetEndpointArn")
        )
        if source.get("EngineName") not in ("postgres", "aurora-postgresql"):
            raise LookupError(f"engine {source.get('EngineName')} is not played here: only postgres is")
        dsn = self._dsn(config)
        if dsn is None:
            known = ", ".join(self.dsns) or "none"
            raise LookupError(f"no database plays secret {self._secret(config)!r}; there are: {known}")
        postgres, kinesis = source["PostgreSqlSettings"], target.get("KinesisSettings") or {}
        self._may_read(postgres["SecretsManagerAccessRoleArn"], self._secret(config))
        return {
            "dsn": dsn,
            "task": _task(config["ReplicationConfigArn"]),
            "slot": postgres.get("SlotName"),
            "mappings": config["TableMappings"],
            "load": config["ReplicationType"] != "cdc",
            "fresh": not config["Begun"],
            "again": again,
            "stream": kinesis["StreamArn"],
            "role": self.role_of(kinesis["ServiceAccessRoleArn"]),
            "endpoint": self.endpoint,
            "region": self.region,
            "options": options(source, target, config.get("ReplicationSettings")),
        }

    def _may_read(self, role: str, secret: str) -> None:
        """Raises AwsError unless the role may read the secret, whose ARN may lack its last six characters."""
        try:
            self.allow(role, [("secretsmanager:GetSecretValue", f"{secret}-AbCdEf")])
        except AwsError:
            self.allow(role, [("secretsmanager:GetSecretValue", secret)])

    def _statistics(self, request: dict) -> dict:
        config = self.store.config(request)
        found = []
        for name, counts in sorted(config.get("Statistics", {}).items()):
            schema, _, table = name.partition(".")
            applied = {f"Applied{what}": count for what, count in counts.items() if what != "FullLoadRows"}
            found.append({"SchemaName": schema, "TableName": table, **counts, **applied, **TABLE_STATE})
        arn = config["ReplicationConfigArn"]
        return {"ReplicationConfigArn": arn, "ReplicationTableStatistics": found}


def _task(arn: str) -> str:
    return arn.rpartition(":")[2]
