"""Brings Kafka, the jars of kafka.json (46 MB), from Maven Central into a folder, once, and removes those of others.

    python local/fetch_kafka.py FOLDER

kafka.json has what `org.apache.kafka:kafka_2.13` needs to run, and a logger.
"""

import json
import sys
import tempfile
from pathlib import Path

from fetch_jars import fetch_all, file_name

JARS = json.loads(Path(__file__).with_name("kafka.json").read_text())


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        fetch_all(JARS, folder, Path(scratch))
    declared = {file_name(jar) for jar in JARS}
    for jar in folder.glob("*.jar"):
        if jar.name not in declared:
            jar.unlink()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
