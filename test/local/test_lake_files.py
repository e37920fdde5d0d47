"""Files of the lake: few requests, and S3's answers as Python's own errors."""

import io
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import lake
import lake_files
import pyarrow.parquet
import pytest
from botocore.stub import Stubber
from lake_files import LakeFiles

READ_AND_END = """
import sys
import lake, lake_files
from pyarrow.dataset import ParquetFileFormat
for _ in range(4):
    file = lake_files.LakeFiles(lake.client("s3", sys.argv[1])).new_input(sys.argv[2])
    print(sum(map(len, ParquetFileFormat(pre_buffer=True).make_fragment(file.open()).to_batches())))
"""


class Counted:
    """The files of a bucket, and the requests that they took."""

    def __init__(self, endpoint: str, bucket: str):
        client = lake.client("s3", endpoint)
        self.requests: list[str] = []
        client.meta.events.register(
            "before-send.s3", lambda request, **_: self.requests.append(request.method)
        )
        self.files, self.bucket = LakeFiles(client), bucket

    def at(self, name: str) -> str:
        return f"s3://{self.bucket}/{name}"

    def write(self, name: str, content: bytes, overwrite: bool = False) -> None:
        with self.files.new_output(self.at(name)).create(overwrite) as stream:
            stream.write(content[:2])
            stream.write(content[2:])

    def read(self, name: str) -> bytes:
        with self.files.new_input(self.at(name)).open() as stream:
            return stream.read()


@pytest.fixture
def lake_of(endpoint, bucket):
    return lambda: Counted(endpoint, bucket)


def test_a_file_is_written_and_read_by_one_request_each(lake_of):
    mine = lake_of()
    mine.write("data/a", b"content")
    assert mine.read("data/a") == b"content"
    assert mine.requests == ["PUT", "GET"]


def test_a_process_may_end_as_soon_as_it_has_read(lake_of, endpoint):
    """Arrow's threads still let go of a file then. Where it is one of Python's, three of ten such processes abort."""
    mine = lake_of()
    content = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table({"n": range(5000)}), content)
    mine.write("data/a", content.getvalue())
    command = [sys.executable, "-c", READ_AND_END, endpoint, mine.at("data/a")]
    for _ in range(12):
        ended = subprocess.run(
            command, cwd=Path(lake_files.__file__).parent, capture_output=True, text=True, timeout=60
        )
        assert (ended.returncode, ended.stdout, ended.stderr) == (0, "5000\n" * 4, "")


def test_metadata_that_was_written_or_read_is_read_from_memory(lake_of):
    mine, other = lake_of(), lake_of()
    mine.write("metadata/first", b"")
    mine.read("metadata/first")
    mine.requests.clear()
    mine.write("metadata/a", b"content")
    assert [mine.read("metadata/a"), mine.read("metadata/a")] == [b"content"] * 2
    assert [other.read("metadata/a"), other.read("metadata/a")] == [b"content"] * 2
    assert (mine.requests, other.requests) == (["PUT"], ["GET"])


def test_what_was_written_is_read_from_s3_once_in_each_folder(lake_of):
    mine = lake_of()
    for name in ("metadata/a", "metadata/b", "other/metadata/a"):
        mine.write(name, b"content")
        mine.read(name)
    assert mine.requests == ["PUT", "GET", "PUT", "PUT", "GET"]


def test_memory_keeps_what_was_used_last(lake_of, monkeypatch):
    monkeypatch.setattr(lake_files, "_memory", lake_files.Memory())
    monkeypatch.setattr(lake_files, "KEPT", 10)
    mine = lake_of()
    mine.write("metadata/first", b"")
    mine.read("metadata/first")
    mine.requests.clear()
    mine.write("metadata/a", b"aaaaa")
    mine.write("metadata/b", b"bbbbb")
    mine.read("metadata/a")
    mine.write("metadata/c", b"ccccc")
    assert [mine.read(f"metadata/{name}") for name in "acb"] == [b"aaaaa", b"ccccc", b"bbbbb"]
    assert mine.requests == ["PUT", "PUT", "PUT", "GET"]


def test_memory_counts_its_bytes_when_many_write_to_it(monkeypatch):
    monkeypatch.setattr(lake_files, "KEPT", 100)
    memory = lake_files.Memory()
    with ThreadPoolExecutor(8) as pool:
        for number in range(2000):
            pool.submit(memory.put, (number % 7,), b"x" * (number % 40))
            pool.submit(memory.drop, (number % 5,))
    assert memory.bytes == sum(len(memory.get((number,)) or b"") for number in range(7)) <= 100


def test_a_file_tells_its_size_and_whether_it_is_there(lake_of):
    mine = lake_of()
    assert not mine.files.new_input(mine.at("data/a")).exists()
    mine.write("data/a", b"content")
    file = mine.files.new_input(mine.at("data/a"))
    assert file.exists() and len(file) == 7


def test_a_file_that_is_there_is_not_written_again_but_on_demand(lake_of):
    mine = lake_of()
    mine.write("metadata/a", b"first")
    with pytest.raises(FileExistsError, match="metadata/a"):
        mine.write("metadata/a", b"second")
    assert mine.read("metadata/a") == b"first"
    mine.write("metadata/a", b"third", overwrite=True)
    assert mine.read("metadata/a") == b"third"


def test_a_write_whose_answer_was_lost_finds_its_own_file(lake_of):
    mine = lake_of()
    mine.write("data/a", b"content")
    mine.write("data/a", b"content")
    assert mine.read("data/a") == b"content"


def test_what_an_error_ends_is_not_written(lake_of):
    mine = lake_of()
    with pytest.raises(ZeroDivisionError), mine.files.new_output(mine.at("data/a")).create() as stream:
        stream.write(b"half")
        _ = 1 / 0
    assert not mine.files.new_input(mine.at("data/a")).exists()


def test_a_file_that_was_deleted_is_gone_from_memory_too(lake_of):
    mine = lake_of()
    mine.write("metadata/a", b"content")
    mine.files.delete(mine.at("metadata/a"))
    with pytest.raises(FileNotFoundError, match="metadata/a"):
        mine.read("metadata/a")


def test_a_file_that_may_not_be_read_says_so(endpoint):
    client = lake.client("s3", endpoint)
    with Stubber(client) as stub:
        stub.add_client_error("get_object", "AccessDenied", "no identity-based policy", http_status_code=403)
        with pytest.raises(PermissionError, match="s3://b/metadata/a: .*no identity-based policy"):
            LakeFiles(client).read("s3://b/metadata/a")
