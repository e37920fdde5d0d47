"""One replication of the local DMS: reads a PostgreSQL's log and puts its changes into a Kinesis stream.

    python local/dms_replication.py      (the first line of its standard input is JSON: Job)

A process of its own, so that the emulator is not slowed down. It says what happens as JSON lines on its standard
output (`begun`, `running`, `statistics`, `failed`), takes `{"faults": …}` as further lines of its input, and ends when
that ends: everything put is acknowledged then. The log is acknowledged up to a commit when Kinesis has taken all
records of it, so that a kill leads to duplicates and never to a loss. At no time does it hold more than two requests'
records.
"""

import json
import os
import select
import signal
import sys
import threading
import time
from dataclasses import dataclass, field

import dms_records
import dms_source
import dms_values
import lake
import pgoutput
import psycopg2
import roles
from botocore.exceptions import BotoCoreError, ClientError
from dms_mappings import Mappings
from dms_records import Recorder
from dms_sink import Faults, Sink
from notes import note
from pgoutput import Begin, Change, Commit, Relation, Truncate

STATUS_EVERY, STILL_AFTER = 1.0, 0.2
"""Seconds between two reports of what happens, and after which nothing happens."""
RETRY_AFTER = 1.0


@dataclass(frozen=True)
class Job:
    """What the emulator tells a replication."""

    dsn: str
    task: str
    """Resource id of the replication; its slot and publication are called by it."""
    slot: str | None
    """A slot that was made before (PostgreSqlSettings.SlotName)."""
    mappings: str
    load: bool
    fresh: bool
    """Begins anew, with a slot of now; else goes on from the slot."""
    again: bool
    """This beginning was tried before: a slot that it left holds changes already, which must not be lost."""
    stream: str
    """ARN of the Kinesis stream."""
    role: str | None
    """In whose name records are put; None for the account's own."""
    endpoint: str
    region: str
    options: dict
    """dms_records.Options."""
    faults: dict = field(default_factory=dict)


def tell(**what) -> None:
    print(json.dumps(what), flush=True)


def passes(error: psycopg2.DatabaseError) -> bool:
    """Whether waiting mends it. A connection lost while the log is read has no code of the server, and no class."""
    if isinstance(error, psycopg2.errors.InsufficientPrivilege):
        return False
    return error.pgcode is None or isinstance(error, psycopg2.OperationalError)


class Replication:
    """`run` returns when the replication is to end; what can be mended by waiting is tried again."""

    def __init__(self, job: Job):
        self.job, self.over, self.fresh, self.again = job, threading.Event(), job.fresh, job.again
        values = dms_values.Settings(**job.options.pop("values"))
        self.mappings = Mappings(job.mappings)
        self.recorder = Recorder(job.task, dms_records.Options(values, **job.options), self.mappings)
        self.sink = Sink(self._put, self.over.is_set)
        self.sink.use(Faults(**job.faults))
        self.sts = lake.client("sts", job.endpoint, job.region)
        self.statistics: dict[str, dict[str, int]] = {}
        self.told, self.counted, self.client = 0.0, False, None

    def _put(self, records: list[dict]) -> dict:
        job = self.job
        acting = roles.session(job.role, self.sts) if job.role else None
        if not self.client or acting is not self.acting:  # a session of a role is made anew before it ends
            self.acting = acting
            # Looking at the shape of every record takes as long as writing it.
            self.client = lake.client("kinesis", job.endpoint, job.region, acting, parameter_validation=False)
        return self.client.put_records(StreamARN=job.stream, Records=records)

    def run(self) -> None:
        while not self.over.is_set():
            try:
                self._replicate()
            except (psycopg2.DatabaseError, psycopg2.InterfaceError, BotoCoreError, ClientError) as error:
                if isinstance(error, psycopg2.DatabaseError) and not passes(error):
                    raise
                note(f"replication {self.job.task}: {error}")
                self.over.wait(RETRY_AFTER)

    def _replicate(self) -> None:
        source = dms_source.Source(self.job.dsn, self.job.task, self.job.slot, self.mappings)
        try:
            if self.fresh:
                snapshot = source.begin(keep=self.again and not self.job.load)
                self.again = True
                self._load(source, snapshot)
                if self.over.is_set() or not self.sink.flush():
                    return
                self.fresh = False
                tell(begun=True)
            self._stream(source)
        finally:
            source.close()

    def _load(self, source, snapshot: str | None) -> None:
        for relation in source.relations():
            table = self._table(source, relation)
            self.sink.add(self.recorder.control(table, "create-table"))
            for row in source.rows(relation, snapshot) if self.job.load else ():
                if self.over.is_set():
                    return
                self.sink.add(self.recorder.load(table, row))
                self._count(table, "FullLoadRows")

    def _table(self, source, relation: Relation) -> dms_records.Table:
        relation = relation._replace(columns=source.base_types(relation.columns))
        return self.recorder.table(relation, source.keys(relation.schema, relation.table))

    def _stream(self, source) -> None:
        cursor = source.follow()
        tell(running=True)
        tables: dict[int, dms_records.Table | None] = {}
        within, acknowledged, committed = False, 0, 0
        while not self.over.is_set():
            message = cursor.read_message()
            if message is None:
                if committed > acknowledged and self.sink.flush():
                    acknowledged = committed
                    cursor.send_feedback(flush_lsn=acknowledged, force=True)
                if select.select([cursor], [], [], STILL_AFTER)[0] == [] and not within:
                    # Nothing of ours has been written up to here: the slot need not hold the log back.
                    if committed == acknowledged and cursor.wal_end > acknowledged:
                        acknowledged = committed = cursor.wal_end
                    cursor.send_feedback(flush_lsn=acknowledged, reply=True, force=True)
                    self._report()
                continue
            lsn, found = message.data_start, pgoutput.read(message.payload)
            if isinstance(found, Change):
                table = tables[found.relation]
                if table:
                    self.sink.add(self.recorder.change(table, found, lsn))
                    self._count(
                        table, {"insert": "Inserts", "update": "Updates"}.get(found.operation, "Deletes")
                    )
            elif isinstance(found, Begin):
                within = True
                self.recorder.begin(found, lsn)
            elif isinstance(found, Commit):
                within, committed = False, found.end_lsn
                if time.monotonic() > self.told + STATUS_EVERY:  # also when the log never stands still
                    if self.sink.flush():
                        acknowledged = committed
                        cursor.send_feedback(flush_lsn=acknowledged, force=True)
                    self._report()
            elif isinstance(found, Relation):
                tables[found.id] = self._related(source, found, tables.get(found.id))
            elif isinstance(found, Truncate):
                for table in filter(None, (tables[each] for each in found.relations)):
                    self.sink.add(self.recorder.truncate(table, lsn))
                    self._count(table, "Ddls")
        if not within and self.sink.flush():
            cursor.send_feedback(flush_lsn=committed, force=True)
        self._report()

    def _related(
        self, source, relation: Relation, known: dms_records.Table | None
    ) -> dms_records.Table | None:
        """The table that a relation message tells of; says what changed in its columns since the last one."""
        if not self.mappings.takes(relation.schema, relation.table):
            return None
        table = self._table(source, relation)
        if known and self.recorder.options.table_changes:
            before, now = ({column.name for column in each.columns} for each in (known, table))
            for operation, names in (("add-column", now - before), ("drop-column", before - now)):
                for _ in names:
                    self.sink.add(self.recorder.control(table, operation))
                    self._count(table, "Ddls")
        return table

    def _count(self, table: dms_records.Table, what: str) -> None:
        counts = self.statistics.setdefault(f"{table.schema}.{table.name}", {})
        counts[what] = counts.get(what, 0) + 1
        self.counted = True

    def _report(self) -> None:
        self.told = time.monotonic()
        if self.counted:
            tell(statistics=self.statistics)
        self.counted = False

    def listen(self) -> None:
        """Takes requests from the emulator; when it is gone, killed even, the replication ends."""
        for line in sys.stdin:
            self.sink.use(Faults(**json.loads(line)["faults"]))
        self.over.set()


def main() -> int:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the emulator's, whose end is ours
    job = Job(**json.loads(sys.stdin.readline()))
    replication = Replication(job)
    threading.Thread(target=replication.listen, daemon=True).start()
    try:
        replication.run()
    except Exception as error:  # of the source or of ours: what waiting does not mend
        tell(failed=f"{type(error).__name__}: {error}".strip())
        return 1
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # the thread that reads the input may be within it
