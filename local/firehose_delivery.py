"""Delivers a batch of a stream: to the transform Lambda, the tables, and the error prefix what neither took.

The fields of an error object, and the folders `processing-failed` and `iceberg-failed`, are AWS's; the codes
are those seen in error buckets (no page lists them all).

https://docs.aws.amazon.com/firehose/latest/dev/data-transformation-failure-handling.html
https://docs.aws.amazon.com/firehose/latest/dev/s3-prefixes.html
https://docs.aws.amazon.com/firehose/latest/dev/troubleshooting.html (the retry duration)
https://docs.aws.amazon.com/firehose/latest/dev/apache-iceberg-format-input-record.html (otfMetadata)
"""

import base64
import binascii
import gzip
import json
import re
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import firehose_rows
from firehose_rows import Refused
from lake import Clients
from pyiceberg.exceptions import NoSuchTableError

MAX_RECORD = 1000 * 1024
"""Bytes; Kinesis takes larger ones."""
LAMBDA_RETRIES = 3
LAMBDAS_AT_ONCE = 2
LAMBDA_MIB = 1
RETRY_PAUSE = 0.2
TABLE_SECONDS = 300
"""For so long a table is tried, unless RetryOptions says else."""
RESULTS = ("Ok", "Dropped", "ProcessingFailed")
JAVA_TIMES = {
    "yyyy": "%Y",
    "YYYY": "%Y",
    "MM": "%m",
    "dd": "%d",
    "DD": "%d",
    "HH": "%H",
    "mm": "%M",
    "ss": "%S",
}


class Delivery:
    """Delivers for one stream; `use(config)` comes first."""

    def __init__(
        self, name: str, arn: str, region: str, clients: Callable[[str], Clients], source: str | None = None
    ):
        """`source` is the ARN of the Kinesis stream whose records these are, if any."""
        self.name, self.arn, self.region, self.clients, self.source = name, arn, region, clients, source

    def use(self, config: dict) -> None:
        self.config = config
        processing = config.get("ProcessingConfiguration") or {}
        self.processor = None
        for each in (processing.get("Processors") or []) if processing.get("Enabled") else []:
            if each["Type"] == "Lambda":
                given = each.get("Parameters") or []
                self.processor = {one["ParameterName"]: one["ParameterValue"] for one in given}

    def deliver(self, records: list[dict], wait: Callable[[Exception], None]) -> None:
        """Writes every record somewhere. A table that can't be written is tried for the retry duration, and after it
        its records go to the error prefix; `wait` is called before each try, with what went wrong.
        Raises when the error prefix can't be written, and what `wait` raises: then call it again."""
        self.invoke_lambda, self.catalog, self.s3 = self.clients(self.config["RoleARN"])
        errors: dict[str, list[dict]] = {}
        for record in records:
            if (size := len(record["data"])) > MAX_RECORD:
                message = f"The record has {size} bytes; the most allowed are {MAX_RECORD}"
                self._refuse(errors, "iceberg-failed", record, Refused("Iceberg.RecordTooLarge", message))
        records = [record for record in records if len(record["data"]) <= MAX_RECORD]
        groups: dict[tuple[str, str], list[tuple[dict, dict]]] = {}
        for record in self._transformed(records, errors):
            try:
                parsed = firehose_rows.parse(record["data"])
                groups.setdefault(self._destination(record), []).append((record, parsed))
            except Refused as refused:
                self._refuse(errors, "iceberg-failed", record, refused)
        self._append_all(groups, errors, wait)
        for kind, lines in errors.items():
            self._write_errors(kind, lines)

    def _transformed(self, records: list[dict], errors: dict) -> Iterator[dict]:
        """The records as the transform gives them, in their order, the first while it works on the others."""
        if not (self.processor and records):
            yield from records
            return
        with ThreadPoolExecutor(LAMBDAS_AT_ONCE) as pool:
            for some in pool.map(lambda each: self._transform(each, errors), self._chunks(records)):
                yield from some

    def _append_all(self, groups: dict, errors: dict, wait: Callable[[Exception], None]) -> None:
        """Each table once: what one of them takes is not written again because another does not."""
        options = self.config.get("RetryOptions") or {}
        end = time.monotonic() + float(options.get("DurationInSeconds", TABLE_SECONDS))
        attempts = 1
        while groups:
            problems = {}
            for identifier, found in groups.items():
                try:
                    self._append(identifier, found, errors)
                except Exception as error:  # the catalogue or S3 is away, or refuses the role
                    problems[identifier] = error.with_traceback(None)
            groups = {identifier: groups[identifier] for identifier in problems}
            if groups and time.monotonic() >= end:
                break
            for error in list(problems.values())[:1]:
                wait(error)
            attempts += 1
        for identifier, found in groups.items():
            why = Refused("Iceberg.DeliveryFailed", f"{'.'.join(identifier)}: {problems[identifier]}")
            for record, _ in found:
                self._refuse(errors, "iceberg-failed", record, why, attempts)

    def _chunks(self, records: list[dict]):
        limit = float(self.processor.get("BufferSizeInMBs", LAMBDA_MIB)) * 1024 * 1024
        some, size = [], 0
        for record in records:
            if some and size + len(record["data"]) > limit:
                yield some
                some, size = [], 0
            some.append(record)
            size += len(record["data"])
        yield some

    def _transform(self, records: list[dict], errors: dict) -> list[dict]:
        event = {
            "invocationId": str(uuid.uuid4()),
            "deliveryStreamArn": self.arn,
            "region": self.region,
            **({"sourceKinesisStreamArn": self.source} if self.source else {}),
            "records": [
                {
                    "recordId": record["id"],
                    "approximateArrivalTimestamp": record["at"],
                    "data": base64.b64encode(record["data"]).decode(),
                    **({"kinesisRecordMetadata": record["kinesis"]} if "kinesis" in record else {}),
                }
                for record in records
            ],
        }
        retries = int(self.processor.get("NumberOfRetries", LAMBDA_RETRIES))
        for attempt in range(retries + 1):
            try:
                return self._results(records, self.invoke_lambda(self.processor["LambdaArn"], event), errors)
            except Exception as error:
                problem = Refused("Lambda.FunctionError", f"The Lambda function failed: {error}")
                time.sleep(RETRY_PAUSE * 2**attempt if attempt < retries else 0)
        for record in records:
            self._refuse(errors, "processing-failed", record, problem, retries + 1)
        return []

    def _results(self, records: list[dict], answer, errors: dict) -> list[dict]:
        listed = answer.get("records") if isinstance(answer, dict) else None
        answers: dict[str, list[dict]] = {}
        for each in listed if isinstance(listed, list) else []:
            answers.setdefault(each.get("recordId"), []).append(each)
        passed = []
        for record in records:
            try:
                if (taken := _result(listed, answers.get(record["id"], []))) is not None:
                    passed.append({**record, **taken})
            except Refused as refused:
                self._refuse(errors, "processing-failed", record, refused)
        return passed

    def _destination(self, record: dict) -> tuple[str, str]:
        told = record.get("otf") or {}
        listed = self.config.get("DestinationTableConfigurationList") or []
        default = listed[0] if len(listed) == 1 else {}
        database = told.get("destinationDatabaseName") or default.get("DestinationDatabaseName")
        table = told.get("destinationTableName") or default.get("DestinationTableName")
        if not database or not table:
            raise Refused("Iceberg.MissingDestination", "Neither the record nor the stream names one table")
        if (operation := told.get("operation", "insert")) != "insert":
            raise Refused(
                "Iceberg.InvalidOperation", f"Operation {operation!r} on a stream that only appends"
            )
        return database, table

    def _append(self, identifier: tuple[str, str], found: list, errors: dict) -> None:
        try:
            table = self.catalog.load_table(identifier)
        except NoSuchTableError:
            missing = Refused("Iceberg.GlueTableNotFound", f"Table {'.'.join(identifier)} does not exist")
            for record, _ in found:
                self._refuse(errors, "iceberg-failed", record, missing)
            return
        row, rows, refusals = firehose_rows.reader(table), [], []
        for record, parsed in found:
            try:
                rows.append(row(parsed))
            except Refused as refused:
                refusals.append((record, refused.with_traceback(None)))  # or it holds all rows
        if rows:
            firehose_rows.append(self.catalog, identifier, rows)
        for record, refused in refusals:  # not before: what fails is tried again
            self._refuse(errors, "iceberg-failed", record, refused)

    def _refuse(self, errors: dict, kind: str, record: dict, why: Refused, attempts: int = 1) -> None:
        line = {
            "rawData": base64.b64encode(record["data"]).decode(),
            "errorCode": why.code,
            "errorMessage": str(why),
            "attemptsMade": attempts,
            "arrivalTimestamp": record["at"],
            "attemptEndingTimestamp": int(time.time() * 1000),
        }
        if kind == "processing-failed":
            line["lambdaARN"] = self.processor["LambdaArn"]
        errors.setdefault(kind, []).append(line)

    def _write_errors(self, kind: str, lines: list[dict]) -> None:
        target, now = self.config["S3Configuration"], datetime.now(UTC)
        prefix = target.get("ErrorOutputPrefix") or ""
        if "!{" in prefix:
            prefix = _evaluate(prefix, kind, now)
        else:
            prefix = f"{prefix}{kind}/{now:%Y/%m/%d/%H}/"
        body = "".join(json.dumps(line) + "\n" for line in lines).encode()
        zipped = target.get("CompressionFormat") == "GZIP"
        name = f"{prefix}{self.name}-1-{now:%Y-%m-%d-%H-%M-%S}-{uuid.uuid4()}{'.gz' if zipped else ''}"
        bucket = target["BucketARN"].rpartition(":")[2]
        self.s3.put_object(Bucket=bucket, Key=name, Body=gzip.compress(body) if zipped else body)


def _result(listed, answers: list[dict]) -> dict | None:
    """What the Lambda made of one record: `data` and `otf`; None when it is dropped. Raises Refused."""
    if not isinstance(listed, list):
        raise Refused("Lambda.JsonProcessingException", "The Lambda function's answer has no list `records`")
    if len(answers) != 1:
        code = "Lambda.DuplicatedRecordId" if answers else "Lambda.MissingRecordId"
        raise Refused(code, "The Lambda function must answer with each record id exactly once")
    answer = answers[0]
    if answer.get("result") not in RESULTS:
        message = f"result is {answer.get('result')!r}; allowed are {', '.join(RESULTS)}"
        raise Refused("Lambda.JsonProcessingException", message)
    if answer["result"] == "ProcessingFailed":
        raise Refused("Lambda.ProcessingFailedStatus", "ProcessingFailed status set for record")
    if answer["result"] == "Dropped":
        return None
    try:
        data = binascii.a2b_base64(answer["data"], strict_mode=True)
    except (KeyError, TypeError, ValueError) as error:
        raise Refused("Lambda.JsonProcessingException", "data of a record is not base64") from error
    return {"data": data, "otf": (answer.get("metadata") or {}).get("otfMetadata")}


def _evaluate(prefix: str, kind: str, now: datetime) -> str:
    def java(pattern: str) -> str:
        return re.sub("|".join(JAVA_TIMES), lambda found: now.strftime(JAVA_TIMES[found[0]]), pattern)

    prefix = prefix.replace("!{firehose:error-output-type}", kind)
    prefix = re.sub(r"!\{firehose:random-string\}", lambda _: uuid.uuid4().hex[:11], prefix)
    return re.sub(r"!\{timestamp:([^}]*)\}", lambda found: java(found[1]), prefix)
