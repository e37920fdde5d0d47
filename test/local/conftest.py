"""A real PostgreSQL and a real ministack for the tests of local parts: one of each, and nothing remains."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psycopg
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "local"), str(ROOT / "glue-jobs"), str(Path(__file__).parent)]

import lake  # noqa: E402


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture(scope="session")
def postgres():
    """The address of a PostgreSQL server, to which `/<database>` is added."""
    script = ROOT / "test" / "dbt" / "postgres.mjs"
    process = subprocess.Popen(["node", str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)
    port = json.loads(process.stdout.readline())["port"]
    yield f"postgresql://warehouse:warehouse@127.0.0.1:{port}"
    process.stdin.close()
    process.wait(30)


@pytest.fixture
def database(postgres, request):
    """The connection string of an empty database of the test's own."""
    name = f"t{abs(hash(request.node.nodeid)) % 10**12}"
    with psycopg.connect(f"{postgres}/postgres", autocommit=True) as connection:
        connection.execute(f"drop database if exists {name}")
        connection.execute(f"create database {name}")
        yield f"{postgres}/{name}"
        # The server has few for all tests. One whose reader ended a moment ago may still be taken by it.
        slots = "from pg_replication_slots where database = %s"
        connection.execute(f"select pg_terminate_backend(active_pid, 30000) {slots} and active", [name])
        connection.execute(f"select pg_drop_replication_slot(slot_name) {slots}", [name])


@pytest.fixture(scope="session")
def serve(tmp_path_factory):
    """Starts a command of Python with the environment and first line that it is given; tells its address."""
    started = []

    def start(command, environment=lambda port, state: {}, first_line=None) -> str:
        port, state = free_port(), tmp_path_factory.mktemp("served")
        log = state / "log"
        process = subprocess.Popen(
            [sys.executable, *command],
            env={**os.environ, **environment(port, state)},
            stdin=subprocess.PIPE,
            stdout=log.open("wb"),
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        if first_line:
            process.stdin.write(first_line(port, state) + "\n")
            process.stdin.flush()
        address = f"http://127.0.0.1:{port}"
        for _ in range(1200):
            try:
                urllib.request.urlopen(f"{address}/_ministack/health", timeout=1).close()
                return address
            except OSError:
                if process.poll() is not None:
                    break
                time.sleep(0.05)
        raise RuntimeError(f"{' '.join(command)} does not answer: {log.read_text()}")

    yield start
    for process in started:
        process.stdin.close()
        process.terminate()
        process.wait(30)


@pytest.fixture(scope="session")
def endpoint(serve):
    """The address of ministack, with nothing of ours added to it."""

    def environment(port: int, state: Path) -> dict[str, str]:
        return {
            "BIND_HOST": "127.0.0.1",
            "IOT_MTLS_ENABLED": "0",
            "GATEWAY_PORT": str(port),
            "S3_DATA_DIR": str(state / "s3"),
            "STATE_DIR": str(state / "state"),
            "LOG_LEVEL": "WARNING",
        }

    return serve(["-m", "ministack"], environment)


@pytest.fixture(scope="session")
def s3(endpoint):
    return lake.client("s3", endpoint)


@pytest.fixture
def bucket(s3, request):
    name = f"b{abs(hash(request.node.nodeid)) % 10**12}"
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture(scope="session")
def catalog(endpoint):
    return lake.catalog(endpoint)


@pytest.fixture
def namespace(catalog, request):
    name = f"d{abs(hash(request.node.nodeid)) % 10**12}"
    catalog.create_namespace(name)
    return name
