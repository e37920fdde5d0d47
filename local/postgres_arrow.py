"""PostgreSQL's rows as Arrow batches, streamed: COPY as CSV fills a pipe, from which Arrow reads."""

import os
import threading
from collections.abc import Iterator

import psycopg
import pyarrow
import pyarrow.csv
from psycopg import sql

BLOCK = 16 * 1024 * 1024
SESSION = (
    "-c TimeZone=UTC -c DateStyle=ISO -c IntervalStyle=postgres -c bytea_output=hex -c extra_float_digits=1"
)
"""Options of a connection whose values are to be printed the same way, whatever the database is set to."""


def stream(
    connection: psycopg.Connection, query: sql.Composable, types: dict[str, pyarrow.DataType]
) -> Iterator[pyarrow.RecordBatch]:
    """The rows of a query as columns of `types`; those of a bytea (hex) are asked for as strings.

    Raises psycopg.Error when the query fails, ArrowInvalid for a value not of its type or a row over 16 MB.
    """
    read_end, write_end = os.pipe()
    failed: list[BaseException] = []

    def fill() -> None:
        copied = sql.SQL("copy ({}) to stdout (format csv)").format(query)
        try:
            with os.fdopen(write_end, "wb", BLOCK) as output, connection.cursor().copy(copied) as copy:
                for data in copy:
                    output.write(data)
        except BrokenPipeError:
            pass
        except BaseException as error:
            failed.append(error)

    filler = threading.Thread(target=fill, daemon=True)
    filler.start()
    try:
        with os.fdopen(read_end, "rb", BLOCK) as source:
            if source.peek(1):
                yield from _parse(source, types)
    finally:
        filler.join()
    if failed:
        raise failed[0]


def _parse(source, types: dict[str, pyarrow.DataType]) -> pyarrow.csv.CSVStreamingReader:
    return pyarrow.csv.open_csv(
        source,
        pyarrow.csv.ReadOptions(column_names=list(types), block_size=BLOCK),
        pyarrow.csv.ParseOptions(newlines_in_values=True),
        pyarrow.csv.ConvertOptions(
            column_types=types,
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,  # an empty text is quoted, a null is not
            true_values=["t", "true"],
            false_values=["f", "false"],
        ),
    )
