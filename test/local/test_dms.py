"""The local DMS: from a real PostgreSQL's log to the records that AWS's DMS writes to Kinesis."""

import psycopg
import pytest
from capture import Capture, Emulator, template


@pytest.fixture
def captured(database, tmp_path, port):
    """Starts a capture of the test's database, whose tables `sql` makes."""
    started = []

    def start(sql: str, tables: list[str], **settings) -> Capture:
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute(sql)
        emulator = Emulator(port, tmp_path, database)
        emulator.start()
        started.append(emulator)
        return Capture(emulator, template(tables, **settings))

    yield start
    for emulator in started:
        emulator.stop()
        print((tmp_path / "log").read_text())


@pytest.fixture
def source(database):
    with psycopg.connect(database, autocommit=True) as connection:
        yield connection


def test_an_insert_travels_from_postgresql_to_bronze(captured, source):
    capture = captured("create table things (id int primary key, name text)", ["things"])
    assert capture.status() == "created"
    capture.start()
    source.execute("insert into things values (1, 'one')")
    assert capture.emulator.tell("flush")["flushed"] >= 1
    assert [
        (row["operation"], row["data"]) for row in capture.bronze() if row["operation"] != "create-table"
    ] == [("insert", '{"id":1,"name":"one"}')]
