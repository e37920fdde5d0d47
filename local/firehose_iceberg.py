"""Amazon Data Firehose with an Iceberg destination: PutRecord, PutRecordBatch or a Kinesis stream as its source
(firehose_kinesis.py), and delivery behind them.

A record that was accepted is on disk (firehose_spool.py) and is delivered at least once: a crash between the
append and the removal of its batch delivers it again, as Firehose may. What Firehose would refuse goes to the
error prefix. Delivery is in a thread for each stream, by the buffering hints. Only inserts are played.

https://docs.aws.amazon.com/firehose/latest/dev/apache-iceberg-destination.html
https://docs.aws.amazon.com/firehose/latest/dev/data-transformation.html
"""

import base64
import json
import os
import re
import shutil
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from aws_error import AwsError
from firehose_delivery import MAX_RECORD, Delivery
from firehose_kinesis import KinesisBuffer, Source
from firehose_spool import Spool
from kinesis_records import KinesisRecords
from lake import Clients
from pyiceberg.exceptions import NoSuchTableError

MAX_RECORDS = 500
MAX_REQUEST = 4 * 1024 * 1024
RETRY_PAUSE = 1.0
DEFAULT_SECONDS, DEFAULT_MIB = 300, 5


class FirehoseIceberg:
    """`clients(role)` gives what a stream calls others with in the name of its role: a handler, the catalogue, S3.

    `kinesis` has the records of sources; `allow(role, [(action, arn)])` raises AwsError unless the role may do it.
    Region and account, for ARNs, are by default those of the emulator's environment.
    """

    def __init__(
        self,
        clients: Callable[[str], Clients],
        spool_dir: Path,
        region: str | None = None,
        account: str | None = None,
        kinesis: KinesisRecords | None = None,
        allow: Callable[[str, list[tuple[str, str]]], None] = lambda role, needed: None,
    ):
        self.clients, self.kinesis, self.allow = clients, kinesis, allow
        self.spool_dir = Path(spool_dir)
        self.region = region or os.environ.get("AWS_REGION", "us-east-1")
        self.account = account or os.environ.get("MINISTACK_ACCOUNT_ID", "000000000000")
        self.lock = threading.Lock()
        self.streams: dict[str, Stream] = {}
        for path in self.spool_dir.glob("*/config.json"):
            source = path.with_name("source.json")
            self._open(
                path.parent.name,
                json.loads(path.read_text()),
                Source(**json.loads(source.read_text())) if source.exists() else None,
            )

    def begin(self, name: str, source: Source) -> None:
        """A stream with a Kinesis source is made: what comes there from now on is its."""
        self._buffer(name, source).begin()

    def forget(self, name: str) -> None:
        """A stream is deleted, with what it has not delivered."""
        with self.lock:
            stream = self.streams.pop(name, None)

        def end() -> None:
            if stream:
                stream.stop()
            shutil.rmtree(self.spool_dir / name, ignore_errors=True)

        # Not within the request: a delivery under way asks the emulator, which that may hold up.
        threading.Thread(target=end, daemon=True).start()

    def _buffer(self, name: str, source: Source) -> KinesisBuffer:
        return KinesisBuffer(self.spool_dir / name / "places.json", source, self.kinesis, self.allow)

    def configure(self, name: str, config: dict, source: Source | None = None) -> None:
        """Makes or changes a stream. `config` is an IcebergDestinationConfiguration, `source` its Kinesis stream if
        it has one.

        Raises AwsError (InvalidArgumentException) when it lacks something or names a table that is not there.
        """
        with self.lock:
            known = self.streams.get(name)
            if known and known.config == config:
                return
            _check(config, self.clients)
            folder = self.spool_dir / name
            folder.mkdir(parents=True, exist_ok=True)
            if source:
                (folder / "source.json").write_text(json.dumps(source._asdict()))
            (folder / "config.new").write_text(json.dumps(config))
            (folder / "config.new").replace(folder / "config.json")
            if known:
                known.use(config)
        if not known:
            self._open(name, config, source)

    def _open(self, name: str, config: dict, source: Source | None) -> None:
        arn = f"arn:aws:firehose:{self.region}:{self.account}:deliverystream/{name}"
        delivery = Delivery(name, arn, self.region, self.clients, source and source.arn)
        with self.lock:
            if name in self.streams:
                return
            buffer = self._buffer(name, source) if source else Spool(self.spool_dir / name)
            stream = self.streams[name] = Stream(buffer, delivery, config)
            if source:
                buffer.open(stream.wake.set)

    def handle(self, action: str, request: dict) -> dict:
        """Carries PutRecord or PutRecordBatch out. Raises AwsError as the service does."""
        if action not in ("PutRecord", "PutRecordBatch"):
            raise AwsError("UnknownOperationException", f"{action} is not played here")
        name = request.get("DeliveryStreamName")
        stream = self.streams.get(name)
        if stream is None:
            message = f"Firehose {name} under account {self.account} not found."
            raise AwsError("ResourceNotFoundException", message)
        if isinstance(stream.spool, KinesisBuffer):
            message = "This operation is not permitted on KinesisStreamAsSource delivery stream type."
            raise AwsError("InvalidArgumentException", message)
        records = [request.get("Record")] if action == "PutRecord" else request.get("Records") or []
        accepted = [(f"{uuid.uuid4().hex}{uuid.uuid4().hex}", data) for data in _data(records)]
        stream.accept(accepted)
        if action == "PutRecord":
            return {"RecordId": accepted[0][0], "Encrypted": False}
        answers = [{"RecordId": identifier} for identifier, _ in accepted]
        return {"FailedPutCount": 0, "Encrypted": False, "RequestResponses": answers}

    def flush(self, timeout: float = 120) -> int:
        """Delivers every buffer now and waits for it; returns how many records went out since the last call.

        Raises TimeoutError when something is still buffered after `timeout` seconds, or is refused: more time
        gives a role no rights.
        """
        streams = list(self.streams.values())
        for stream in streams:
            stream.spool.seal()
            stream.problem = None
            stream.wake.set()
        end = time.time() + timeout
        while any(not stream.spool.empty for stream in streams):
            refused = any("not authorized" in (stream.problem or "") for stream in streams)
            if refused or time.time() > end:
                left = ", ".join(stream.delivery.name for stream in streams if not stream.spool.empty)
                raise TimeoutError(
                    f"not delivered within {timeout} s: {left}: {[s.problem for s in streams]}"
                )
            time.sleep(0.01)
        return sum(stream.take_count() for stream in streams)

    def close(self) -> None:
        """Stops delivery; what is buffered stays on disk."""
        for stream in self.streams.values():
            stream.stop()


class Stream:
    """A stream's buffer, and the thread that empties it."""

    def __init__(self, spool: Spool | KinesisBuffer, delivery: Delivery, config: dict):
        self.spool, self.delivery = spool, delivery
        self.use(config)
        self.wake, self.over = threading.Event(), threading.Event()
        self.count, self.problem = 0, None
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def use(self, config: dict) -> None:
        hints = config.get("BufferingHints") or {}
        self.config = config
        self.seconds = float(hints.get("IntervalInSeconds", DEFAULT_SECONDS))
        self.bytes = int(hints.get("SizeInMBs", DEFAULT_MIB)) * 1024 * 1024
        self.delivery.use(config)

    def accept(self, records: list[tuple[str, bytes]]) -> None:
        self.spool.append(records)
        self.wake.set()

    def take_count(self) -> int:
        count, self.count = self.count, 0
        return count

    def stop(self) -> None:
        self.over.set()
        self.wake.set()
        self.thread.join(30)
        self.spool.close()

    def _run(self) -> None:
        while not self.over.is_set():
            oldest = self.spool.oldest
            if oldest is not None and (self.spool.size >= self.bytes or time.time() >= oldest + self.seconds):
                self.spool.seal()
            batches = self.spool.batches()
            if batches:
                self._deliver(batches[0])
                continue
            self.wake.wait(None if oldest is None else max(0.0, oldest + self.seconds - time.time()))
            self.wake.clear()

    def _deliver(self, batch) -> None:
        try:
            records = self.spool.read(batch, self.bytes)
            self.delivery.deliver(records, self._wait)
        except (
            Exception
        ) as error:  # the error prefix or the source is away: Firehose keeps trying, and so does this
            self._tell(error)
            self.over.wait(RETRY_PAUSE)
            return
        self.count, self.problem = self.count + len(records), None
        self.spool.done(batch)

    def _tell(self, error: Exception) -> None:
        self.problem = f"{type(error).__name__}: {error}"

    def _wait(self, error: Exception) -> None:
        """Between two tries of a table. Raises when the stream is to stop: its batch is delivered by the next start."""
        self._tell(error)
        if self.over.wait(RETRY_PAUSE):
            raise error


def _data(records: list) -> list[bytes]:
    if not 1 <= len(records) <= MAX_RECORDS:
        message = f"Records has {len(records)} members; allowed are 1 to {MAX_RECORDS}"
        raise AwsError("InvalidArgumentException", message)
    try:
        found = [base64.b64decode(record["Data"], validate=True) for record in records]
    except (KeyError, TypeError, ValueError) as error:
        raise AwsError("SerializationException", f"A record's Data is not base64: {error}") from error
    if largest := max((len(data) for data in found if len(data) > MAX_RECORD), default=0):
        message = f"A record has {largest} bytes; the most allowed are {MAX_RECORD}"
        raise AwsError("InvalidArgumentException", message)
    if (total := sum(map(len, found))) > MAX_REQUEST:
        message = f"The records have {total} bytes; the most allowed in a request are {MAX_REQUEST}"
        raise AwsError("InvalidArgumentException", message)
    return found


def _check(config: dict, clients: Callable[[str], Clients]) -> None:
    for name in ("RoleARN", "CatalogConfiguration", "S3Configuration"):
        if not config.get(name):
            message = f"IcebergDestinationConfiguration lacks {name}, which is required"
            raise AwsError("InvalidArgumentException", message)
    prefix = config["S3Configuration"].get("ErrorOutputPrefix") or ""
    if "!{" in prefix and "!{firehose:error-output-type}" not in prefix:
        message = (
            f"ErrorOutputPrefix {prefix!r} has expressions and not !{{firehose:error-output-type}}; add it"
        )
        raise AwsError("InvalidArgumentException", message)
    hints = config.get("BufferingHints") or {}
    seconds, size = hints.get("IntervalInSeconds", DEFAULT_SECONDS), hints.get("SizeInMBs", DEFAULT_MIB)
    if not (0 <= int(seconds) <= 900 and 1 <= int(size) <= 128):
        message = f"BufferingHints are {seconds} s and {size} MiB; allowed are 0 to 900 and 1 to 128"
        raise AwsError("InvalidArgumentException", message)
    for each in config.get("DestinationTableConfigurationList") or []:
        name = (each.get("DestinationDatabaseName"), each.get("DestinationTableName"))
        if not all(part and re.fullmatch(r"[A-Za-z0-9._]+", part) for part in name):
            raise AwsError(
                "InvalidArgumentException", f"Destination {name} is no name of a database and a table"
            )
        try:
            clients(config["RoleARN"]).catalog.load_table(name)
        except NoSuchTableError as error:
            role = config["RoleARN"]
            message = f"Role {role} is not authorized to perform: glue:GetTable for the given table "
            message += "or the table does not exist."
            raise AwsError("InvalidArgumentException", message) from error
