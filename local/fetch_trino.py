"""Brings Trino, the archives of trino.json, from Maven Central into a folder and unpacks them there, once.

    python local/fetch_trino.py FOLDER

Makes FOLDER/server and FOLDER/plugin/iceberg, 570 MB. What is unpacked is not fetched again; a kill in between
leaves nothing half done.
"""

import json
import shutil
import sys
import tempfile
import zipfile
from pathlib import Path

from fetch_jars import fetch

PLACES = {"trino-server-core": "server", "trino-iceberg": "plugin/iceberg"}
"""Archive -> where its one folder is put."""


def unpack(archive: Path, folder: Path) -> None:
    if archive.suffix == ".zip":
        # shutil leaves out what has two dots anywhere in its name, as some of the plugin's jars have.
        with zipfile.ZipFile(archive) as files:
            files.extractall(folder)
    else:
        shutil.unpack_archive(archive, folder)


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for archive in json.loads(Path(__file__).with_name("trino.json").read_text()):
        place = folder / PLACES[archive["name"]]
        name = f"{archive['name']}-{archive['version']}"
        if (place / f".{name}").exists():
            continue
        shutil.rmtree(place, ignore_errors=True)
        place.parent.mkdir(parents=True, exist_ok=True)
        # Beside the place, so that the last step is a rename.
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            path = fetch(archive, Path(scratch), Path(scratch))
            unpack(path, Path(scratch) / "unpacked")
            unpacked = Path(scratch) / "unpacked" / name
            (unpacked / f".{name}").touch()
            unpacked.rename(place)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
