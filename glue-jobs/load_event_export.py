"""Glue job: appends to bronze what the complete deliveries of a web analytics tool's export tell that is new.

Deliveries are loaded in the order in which they were completed, each in one commit, once. One that is not complete
waits. One that is broken fails the job in one line that names the file; those before it are loaded, and those after it
are when it has been delivered again.

Arguments: the common ones (common/arguments.py) and
  --source NAME      the source, which is what origins begin with
  --format ga4|adobe
  --fields JSON      column of the contract → where the export has it (common/export_ga4.py, common/export_adobe.py)
  --landing URI      folder in which each source has one of its name, below which its tool delivers
Result: deliveries loaded, records in them, bronze_rows appended, of which deleted say that an event is gone,
quarantined, of which unread are no events at all, newest_committed_at and position (of the newest delivery), waiting
(deliveries that are not complete), deletes_withheld (with a line that is no event nobody knows what is gone).
"""

import json
import sys
from argparse import Namespace
from datetime import UTC, datetime, timedelta

from py4j.protocol import Py4JJavaError
from pydantic import TypeAdapter
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession
from pyspark.sql import functions as f

from common import (
    arguments,
    bronze,
    contract_file,
    export_adobe,
    export_deliveries,
    export_event,
    export_ga4,
    export_progress,
    export_rows,
    landing,
    position,
    quarantine,
    rules,
    runs,
    tables,
)
from common.contract import Contract, ContractError
from common.export_deliveries import Delivery, File, Waiting
from common.export_event import Field
from common.export_progress import Progress
from common.export_rows import Reading
from common.iceberg import Snapshots


class Loader:
    """Loads the deliveries of one source into one dataset."""

    def __init__(self, spark: SparkSession, contract: Contract, given: Namespace):
        self.spark, self.contract, self.given = spark, contract, given
        self.names = tables.of(given.env, contract.dataset)
        places = TypeAdapter(dict[str, str]).validate_json(given.fields)
        self.fields = tuple(
            Field(column.name, column.type.partition("(")[0], places[column.name])
            for column in contract.columns
        )
        tables.require_columns(spark, contract, self.names.bronze)

    def run(self) -> dict:
        """Loads what is complete and new; gives the job's result."""
        counts = dict.fromkeys(
            ("deliveries", "records", "bronze_rows", "deleted", "quarantined", "unread"), 0
        )
        newest: dict[str, str | None] = {}
        # As the listing says it, without an end that differs.
        prefix = landing.path(self.spark, f"{self.given.landing.rstrip('/')}/{self.given.source}")
        files = landing.files(self.spark, prefix)
        found, waiting = export_deliveries.markers(self.given.format, prefix, files)
        history = Snapshots(self.spark, self.names.bronze)
        done = export_progress.read(history, self.contract.dataset, self.given.source, prefix)
        pending = [marker for marker in found if not done.has(marker)]
        for marker in list(pending):
            try:
                delivery = self.delivery(prefix, marker, files)
            except Waiting as reason:
                waiting.append(str(reason))
                continue
            pending.remove(marker)
            done = done.after(marker, pending)
            loaded = self.load(delivery, done)
            # At once: the next delivery may be one that ends the run.
            line = {
                "job": "load_delivery",
                "dataset": self.contract.dataset,
                "delivery": marker.path,
                **loaded,
            }
            print(json.dumps(line), flush=True)
            for name, count in loaded.items():
                counts[name] += count
            newest = {"newest_committed_at": runs.iso(_time(marker)), "position": position.make(0, marker.at)}
        for each in waiting:
            print(json.dumps({"dataset": self.contract.dataset, "waiting": each}), flush=True)
        return {
            "dataset": self.contract.dataset,
            "job": "load_event_export",
            **counts,
            **newest,
            "waiting": waiting,
            "deletes_withheld": self.given.format == "ga4" and counts["unread"] > 0,
        }

    def delivery(self, prefix: str, marker: File, files: list[File]) -> Delivery:
        """The delivery that a marker completes. Raises Waiting, or ValueError in one line."""
        if self.given.format == "ga4":
            return export_deliveries.ga4(prefix, marker, files)
        told = export_adobe.manifest(landing.text(self.spark, marker.path), marker.path)
        return export_deliveries.adobe(marker, told, files, lambda path: landing.md5(self.spark, path))

    def reading(self, delivery: Delivery) -> Reading:
        """How to read a delivery. Raises ContractError when it lacks what the contract requires."""
        if self.given.format == "ga4":
            return Reading(self.fields, export_ga4.reader(list(self.fields)), iter)
        columns = self.headers(delivery)
        there = [
            field
            for field in self.fields
            if field.place == export_event.EVENT_ID or {*export_event.parts(field.place)} <= {*columns}
        ]
        lacking = {*self.fields} - {*there}
        required = {column.name for column in self.contract.columns if column.required}
        wanted = [field.place for field in self.fields if field in lacking and field.column in required]
        if wanted := [*[part for part in export_adobe.ID_PARTS if part not in columns], *wanted]:
            raise ContractError(
                f"{delivery.marker.path}: the feed has no column {', '.join(wanted)}; choose it for the feed in Adobe "
                f"Analytics, or correct contracts/{self.contract.dataset}.odcs.yaml"
            )
        return Reading(tuple(there), export_adobe.reader(there, columns), export_adobe.records)

    def headers(self, delivery: Delivery) -> list[str]:
        """The columns of a feed. Raises ValueError when they are not in its lookups."""
        for lookup in delivery.lookups:
            if columns := export_adobe.headers(landing.content(self.spark, lookup.path)):
                return columns
        if delivery.files:
            raise ValueError(
                f"{delivery.marker.path}: no lookup file of it holds {export_adobe.HEADERS}, without which hits can't "
                "be read; let the feed be delivered again"
            )
        return [
            *export_adobe.ID_PARTS,
            *[part for field in self.fields for part in export_event.parts(field.place)],
        ]

    def load(self, delivery: Delivery, done: Progress) -> dict[str, int]:
        """Appends what a delivery tells that is new; the commit carries the progress. Gives what to add to counts."""
        reading = self.reading(delivery)
        events = export_rows.events(self.spark, self.given.source, delivery, reading)
        with landing.cached(export_rows.checked(events, self.contract)) as rows:
            try:
                found = rows.agg(
                    f.count("*").alias("records"),
                    f.count(f.when(f.col(export_rows.COPY) == 1, f.col(rules.REASONS))).alias("quarantined"),
                    f.count(export_rows.UNREAD).alias("unread"),
                ).first()
            except (Py4JJavaError, PySparkException) as error:
                raise ValueError(unreadable(self.spark, delivery, error)) from error
            if delivery.records is not None and found["records"] != delivery.records:
                raise ValueError(
                    f"{delivery.marker.path} says Total-Records {delivery.records}, and its files hold "
                    f"{found['records']}; let the feed be delivered again"
                )
            now = datetime.now(UTC)
            identity = {tables.EXPORT_ID: f"{self.given.source}/{delivery.scope}@{delivery.at}"}
            self.quarantine(rows, found["quarantined"], identity, now)
            told = self.new(rows, delivery, [field.column for field in reading.fields])
            with landing.cached(told) as new:
                counted = new.agg(f.count("*"), f.count(f.when(f.col("_op") == "delete", 1))).first()
                appended = export_rows.bronze_rows(new, _time(delivery.marker), now)
                progress = done.properties(self.contract.dataset)
                bronze.append(appended, self.names.bronze, identity | progress)
        return {
            "deliveries": 1,
            "records": found["records"],
            "bronze_rows": counted[0],
            "deleted": counted[1],
            "quarantined": found["quarantined"],
            "unread": found["unread"],
        }

    def new(self, rows, delivery: Delivery, carried: list[str]):
        """What the rows tell that bronze does not say already, and what of it is gone."""
        there = self.spark.table(self.names.bronze)
        was = export_rows.known(there, self.contract, self.given.source, delivery.scope)
        told = export_rows.changes(rows, was, self.contract, carried)
        if not delivery.replaces:
            return told
        return told.unionByName(export_rows.gone(rows, was, self.contract, self.given.source, delivery))

    def quarantine(self, rows, count: int, identity: dict[str, str], now: datetime) -> None:
        """Puts away the rows that may not go on, unless a run that was cut off has done so."""
        dataset = {tables.DATASET: self.contract.dataset}
        if count and not Snapshots(self.spark, self.names.quarantine).find(identity | dataset):
            shaped = quarantine.shape(export_rows.rejects(rows), self.contract.dataset, now)
            quarantine.append(shaped, self.names.quarantine, self.contract.dataset, identity)


def unreadable(spark: SparkSession, delivery: Delivery, error: Exception) -> str:
    """One line about a delivery whose files can't be read, that names the file if it is damaged."""
    packed = [file.path for file in delivery.files if file.name.endswith(export_deliveries.JSON)]
    damaged = ((path, why) for path in packed if (why := landing.damage(spark, path)))
    path, why = next(damaged, (delivery.marker.folder, " ".join(str(error).split())[:300]))
    return f"{path} can't be read ({why}); deliver it again, with its {delivery.marker.name} last"


def _time(marker: File) -> datetime:
    return export_event.EPOCH + timedelta(microseconds=marker.at)


def main(argv: list[str], spark: SparkSession | None = None) -> dict:
    """Runs the job; gives its result, which is also printed as one JSON line."""
    parser = arguments.parser("Loads the deliveries of a web analytics tool's export into bronze.")
    parser.add_argument("--source", required=True)
    parser.add_argument("--format", choices=("ga4", "adobe"), required=True)
    parser.add_argument("--fields", required=True)
    parser.add_argument("--landing", required=True)
    given, _ = parser.parse_known_args(argv)
    dataset = contract_file.load(given.contracts, given.dataset)
    session = spark or SparkSession.builder.getOrCreate()
    return runs.finish(Loader(session, dataset, given).run(), given.run_id, given.runs_table)


if __name__ == "__main__":
    main(sys.argv[1:])
