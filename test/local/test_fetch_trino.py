"""What is unpacked is whole: Trino's archives have names that Python's own unpacking leaves out."""

import tarfile
import zipfile

import fetch_trino


def test_every_file_of_an_archive_is_unpacked(tmp_path):
    names = {"plugin/plain.jar", "plugin/io.open...telemetry.jar"}
    with zipfile.ZipFile(tmp_path / "plugin.zip", "w") as archive:
        for name in names:
            archive.writestr(name, "bytes")
    with tarfile.open(tmp_path / "plugin.tar.gz", "w:gz") as archive:
        for name in names:
            archive.add(__file__, name)
    for kind in ("zip", "tar.gz"):
        fetch_trino.unpack(tmp_path / f"plugin.{kind}", tmp_path / kind)
        found = {str(path.relative_to(tmp_path / kind)) for path in (tmp_path / kind).rglob("*.jar")}
        assert found == names
