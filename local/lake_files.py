"""Files of the lake for pyiceberg: an object is read by one request, and written by one.

pyarrow's own S3 client, pyiceberg's default, asks for an object's size before it reads it, and writes the smallest one
in parts: three requests for each one here, and the emulator answers some hundred in a second.
https://py.iceberg.apache.org/configuration/#fileio
"""

import io
import itertools
import threading
from collections import OrderedDict
from urllib.parse import urlparse

import pyarrow
from botocore.exceptions import ClientError
from pyiceberg.catalog.glue import GlueCatalog
from pyiceberg.io import FileIO, InputFile, OutputFile

KEPT = 64 * 2**20
"""So many bytes of metadata stay in memory in all, what was used last: no such file is ever written twice."""
ERRORS = {403: PermissionError, 404: FileNotFoundError, 412: FileExistsError}


class LakeCatalog(GlueCatalog):
    """Glue's Iceberg catalogue, all of whose tables share one client of S3."""

    def __init__(self, glue, s3):
        super().__init__("lake", client=glue)
        self._files = LakeFiles(s3)

    def _load_file_io(self, properties=None, location=None) -> "LakeFiles":
        return self._files

    def purge_table(self, identifier) -> None:
        """pyiceberg would delete the files with a client of its own, of the real AWS."""
        raise NotImplementedError("purge_table: drop the table, and delete its files yourself")


class Memory:
    """Contents by key, as many bytes as there is room for, what was used last. Safe to share between threads."""

    def __init__(self):
        self._lock = threading.Lock()
        self._contents: OrderedDict[tuple, bytes] = OrderedDict()
        self.bytes = 0

    def get(self, key: tuple) -> bytes | None:
        with self._lock:
            if key in self._contents:
                self._contents.move_to_end(key)
            return self._contents.get(key)

    def put(self, key: tuple, content: bytes) -> None:
        with self._lock:
            self.bytes += len(content) - len(self._contents.pop(key, b""))
            self._contents[key] = content
            while self.bytes > KEPT:
                self.bytes -= len(self._contents.popitem(last=False)[1])

    def drop(self, key: tuple) -> None:
        with self._lock:
            self.bytes -= len(self._contents.pop(key, b""))


_memory = Memory()
_numbers = itertools.count()


class LakeFiles(FileIO):
    """Files at `s3://bucket/key`, safe to share between threads. Raises FileNotFoundError, FileExistsError and
    PermissionError as S3 says.

    Each client remembers for itself, and what it wrote only in folders that it has read in: one that may not read is
    told so, as on AWS. One that may read no more hears of it with the next file.
    """

    def __init__(self, s3):
        super().__init__()
        self._s3 = s3
        self._number = next(_numbers)
        self._readable: set[str] = set()

    def new_input(self, location: str) -> "LakeFile":
        return LakeFile(location, self)

    def new_output(self, location: str) -> "LakeFile":
        return LakeFile(location, self)

    def delete(self, location: str | InputFile | OutputFile) -> None:
        name = location if isinstance(location, str) else location.location
        self.call("delete_object", name)
        _memory.drop((self._number, name))

    def read(self, location: str) -> bytes:
        content = _memory.get((self._number, location))
        if content is None:
            content = self.call("get_object", location)["Body"].read()
            self._readable.add(_folder(location))
            self._keep(location, content)
        return content

    def write(self, location: str, content: bytes, overwrite: bool) -> None:
        try:
            self.call("put_object", location, Body=content, **({} if overwrite else {"IfNoneMatch": "*"}))
        except FileExistsError:
            # The client asks again when an answer is lost, and then finds its own.
            if self.call("get_object", location)["Body"].read() != content:
                raise
        self._keep(location, content)

    def exists(self, location: str) -> bool:
        try:
            self.call("head_object", location)
        except FileNotFoundError:
            return False
        return True

    def call(self, action: str, location: str, **more) -> dict:
        at = urlparse(location)
        try:
            return getattr(self._s3, action)(Bucket=at.netloc, Key=at.path.lstrip("/"), **more)
        except ClientError as error:
            kind = ERRORS.get(error.response["ResponseMetadata"]["HTTPStatusCode"])
            raise kind(f"{location}: {error}") if kind else error from error

    def _keep(self, location: str, content: bytes) -> None:
        if "/metadata/" in location and _folder(location) in self._readable:
            _memory.put((self._number, location), content)


def _folder(location: str) -> str:
    return location.rpartition("/")[0]


class LakeFile(InputFile, OutputFile):
    """One object, read or written whole."""

    def __init__(self, location: str, files: LakeFiles):
        super().__init__(location)
        self._files = files
        self._size: int | None = None

    def __len__(self) -> int:
        if self._size is None:
            self._size = self._files.call("head_object", self.location)["ContentLength"]
        return self._size

    def exists(self) -> bool:
        return self._files.exists(self.location)

    def open(self, seekable: bool = True) -> pyarrow.NativeFile:
        """The content in Arrow's own memory: a thread of Arrow that lets go of an object of Python's when the process
        is ending already aborts it."""
        content = self._files.read(self.location)
        self._size = len(content)
        copy = pyarrow.BufferOutputStream()
        copy.write(content)
        return pyarrow.BufferReader(copy.getvalue())

    def create(self, overwrite: bool = False) -> io.BytesIO:
        return _Written(self, overwrite)

    def to_input_file(self) -> "LakeFile":
        return self

    def put(self, content: bytes, overwrite: bool) -> None:
        self._files.write(self.location, content, overwrite)
        self._size = len(content)


class _Written(io.BytesIO):
    """What is written into an object, which is there when this is closed; not when an error ends its `with`."""

    def __init__(self, file: LakeFile, overwrite: bool):
        super().__init__()
        self._file, self._overwrite = file, overwrite

    def close(self) -> None:
        if not self.closed:
            content = self.getvalue()
            super().close()
            self._file.put(content, self._overwrite)

    def __exit__(self, kind, error, trace) -> None:
        if kind is None:
            self.close()
        else:
            super().close()

    def __del__(self) -> None:
        super().close()
