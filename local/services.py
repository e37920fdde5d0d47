"""The AWS services that we play ourselves: what local/emulator.py is told of them, and how it makes them."""

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from urllib.parse import urlparse

import lake
import roles
import warehouse_mirror
from dms import Dms
from fault_plan import FaultPlan
from firehose_iceberg import FirehoseIceberg
from iceberg_tables import IcebergTables
from kinesis_records import KinesisRecords
from rds_export import RdsExport
from redshift_data import RedshiftData
from redshift_serverless import RedshiftServerless

WAREHOUSE = "warehouse"
"""The warehouse's database."""


@dataclass(frozen=True)
class Settings:
    """What local/run.ts tells the emulator, as JSON."""

    port: int
    state: str
    """Folder of everything that survives the process."""
    region: str
    account: str
    worker: str
    """Address of the Spark worker."""
    source_dsns: dict[str, str]
    """`db:<instance>` or `cluster:<cluster>` of RDS -> connection of the PostgreSQL that plays it."""
    warehouse_dsn: str
    """Connection of the PostgreSQL that plays Redshift, without its database."""
    silver_database: str
    contracts: str
    """Folder of the contracts."""
    auth: bool
    """Whether roles may do what their policies allow only."""
    capture_dsns: dict[str, str] = field(default_factory=dict)
    """ARN of the secret that a DMS endpoint names -> connection of the PostgreSQL that plays its database."""

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def environment(self) -> dict[str, str]:
        """Environment variables of ministack, and of the handlers that it starts."""
        state = Path(self.state)
        return {
            "BIND_HOST": "127.0.0.1",
            "IOT_MTLS_ENABLED": "0",  # it would listen on every interface
            "GATEWAY_PORT": str(self.port),
            "AUTH": str(self.auth).lower(),
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "MINISTACK_REGION": self.region,
            "MINISTACK_ACCOUNT_ID": self.account,
            # The CDK's own custom resource handler takes the AWS SDK from its Lambda runtime.
            "NODE_PATH": str(Path(__file__).parent.parent / "node_modules"),
            "PERSIST_STATE": "1",
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(state / "s3"),
            "STATE_DIR": str(state / "services"),
            "MINISTACK_CODEBUILD_EXECUTE": "1",
            "LOG_LEVEL": os.environ.get("LOG_LEVEL", "WARNING"),
        }

    def build_environment(self) -> dict[str, str]:
        """What a build on the laptop has instead of Redshift's address: the local target of dbt's profile."""
        warehouse = urlparse(self.warehouse_dsn)
        return {
            "DBT_TARGET": "local",
            "WAREHOUSE_PORT": str(warehouse.port),
            "WAREHOUSE_USER": warehouse.username or "",
            "WAREHOUSE_PASSWORD": warehouse.password or "",
            "WAREHOUSE_DATABASE": WAREHOUSE,
            "DBT_TARGET_PATH": str(Path(self.state) / "dbt" / "target"),
            "DBT_LOG_PATH": str(Path(self.state) / "dbt" / "logs"),
        }


class Services:
    """The services, each made when first needed, and once (Python 3.11 locks cached properties):
    they call the emulator, which must answer by then."""

    def __init__(self, settings: Settings):
        self.settings = settings
        self.state = Path(settings.state)
        self.faults = FaultPlan()
        self.mirroring = threading.Lock()
        self.resident: dict[str, list[str]] = {}
        """The datasets of each job run that merges as long as it runs."""
        self.mirrored: dict[str, str] = {}
        """Where the metadata of silver's tables lay when they were mirrored last."""
        self.stream_of: Callable[[dict], dict | None] = lambda request: None
        """ministack's Kinesis stream that a request names."""
        self.follow_streams: Callable[[], None] = lambda: None
        """Takes up ministack's delivery streams with a Kinesis source."""

    def client(self, service: str):
        return lake.client(service, self.settings.endpoint, self.settings.region)

    @cached_property
    def s3(self):
        return self.client("s3")

    @cached_property
    def iam(self):
        return self.client("iam")

    @cached_property
    def sts(self):
        return self.client("sts")

    @cached_property
    def catalog(self):
        return lake.catalog(self.settings.endpoint, self.settings.region)

    @cached_property
    def rds(self) -> RdsExport:
        return RdsExport(self.settings.source_dsns, lambda role: self.clients(role).s3, self.state / "rds")

    @cached_property
    def firehose(self) -> FirehoseIceberg:
        return FirehoseIceberg(
            self.clients, self.state / "firehose", kinesis=self.kinesis, allow=self.require
        )

    @cached_property
    def kinesis(self) -> KinesisRecords:
        return KinesisRecords(lambda request: self.stream_of(request), self.state / "kinesis")

    @cached_property
    def dms(self) -> Dms:
        settings = self.settings
        return Dms(
            settings.capture_dsns,
            self.state / "dms",
            settings.endpoint,
            settings.region,
            settings.account,
            allow=self.require,
            role_of=self.acts_as,
        )

    @cached_property
    def iceberg(self) -> IcebergTables:
        return IcebergTables(self.catalog)

    @cached_property
    def redshift(self) -> RedshiftData:
        return RedshiftData(
            lambda database: f"{self.settings.warehouse_dsn}/{database}", self.mirror_what_is_resident
        )

    @cached_property
    def redshift_serverless(self) -> RedshiftServerless:
        limits = self.state / "redshift" / "usage-limits.json"
        return RedshiftServerless(limits, self.settings.region, self.settings.account)

    def acts_as(self, role: str) -> str | None:
        """The role in whose name a service is to call others; None for the account's own, which may do everything."""
        return role if self.settings.auth else None

    def clients(self, role: str) -> lake.Clients:
        """What a service that was given this role calls others with."""
        session = self.acts_as(role) and roles.session(role, self.sts)
        return lake.clients(self.settings.endpoint, self.settings.region, session)

    def require(self, principal: str, needed: list[tuple[str, str]]) -> None:
        """Raises AwsError unless the policies of the principal's role allow each action on its resource."""
        role = self.settings.auth and roles.role_of(principal)
        for action, resource in needed if role else []:
            roles.require(self.iam, role, action, resource)

    def flush(self, seconds: float = 60) -> int:
        """Everything that was committed at a captured source, or accepted by Firehose, is delivered; how much. Raises
        TimeoutError when a replication has not caught up within so many seconds."""
        self.dms.catch_up(seconds)
        self.follow_streams()
        return self.firehose.flush()

    def mirror_what_is_resident(self) -> None:
        """An external schema shows what a job has committed that has not ended."""
        for dataset in {each for datasets in list(self.resident.values()) for each in datasets}:
            if self.silver_lies(dataset) != self.mirrored.get(dataset, ""):
                self.mirror(dataset)

    def silver_lies(self, dataset: str) -> str | None:
        """Where the metadata of a table lies: elsewhere after each commit. Asked before each statement, so not by AWS's
        own requests.
        """
        from ministack.services import glue

        table = glue._tables.get(f"{self.settings.silver_database}/{dataset}") or {}
        return table.get("Parameters", {}).get("metadata_location")

    def mirror(self, dataset: str) -> None:
        """Silver as Redshift's external schema shows it: what changed is copied before a job counts as done."""
        warehouse = f"{self.settings.warehouse_dsn}/{WAREHOUSE}"
        with self.mirroring:
            lies = self.silver_lies(dataset)
            warehouse_mirror.mirror(
                self.catalog, self.settings.silver_database, dataset, Path(self.settings.contracts), warehouse
            )
            if lies:
                self.mirrored[dataset] = lies
