"""Runs a replication's process, passes through DMS's states, and starts it anew when it is killed."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from notes import note

STATES = (
    *("initializing", "preparing_metadata_resources", "testing_connection", "fetching_metadata"),
    *("calculating_capacity", "provisioning_capacity", "replication_starting"),
)
STEP = 0.1
"""Seconds in a state, where AWS takes minutes."""
ENDS_WITHIN = 30
RESTART_AFTER = 0.5


class Runner:
    """Runs at once. `job(again)` gives what the process is told, `again` when it may have been told before;
    `told(status=…, **what)` is called with what it says."""

    def __init__(self, job: Callable[[bool], dict], told: Callable[..., None], faults: dict, again: bool):
        self.job, self.told, self.faults, self.again = job, told, faults, again
        self.over, self.process = threading.Event(), None
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def disturb(self, faults: dict) -> None:
        self.faults = faults
        if self.process and self.process.poll() is None:
            self._say({"faults": faults})

    def stop(self) -> None:
        """Lets the process put and acknowledge what it has read, and end."""
        self.over.set()
        process = self.process
        if process:
            process.stdin.close()
            try:
                process.wait(ENDS_WITHIN)
            except subprocess.TimeoutExpired:
                process.kill()
        self.thread.join(ENDS_WITHIN)

    def _run(self) -> None:
        try:
            self._start()
        except Exception as problem:  # a thread of its own: nobody else would hear of it
            message = f"{type(problem).__name__}: {problem}"
            note(f"dms: {message}")
            self.told(status="failed", FailureMessages=[message])

    def _start(self) -> None:
        for state in STATES:
            self.told(status=state)
            if state == "testing_connection":
                self.job(self.again)
            if self.over.wait(STEP):
                return
        while not self.over.is_set():
            if self._replicate():
                return
            # Killed: AWS moves a replication to another machine.
            self.over.wait(RESTART_AFTER)

    def _replicate(self) -> bool:
        """Runs the process until it ends. Returns whether the replication has ended with it."""
        command = [sys.executable, str(Path(__file__).with_name("dms_replication.py"))]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        said = self._say({**self.job(self.again), "faults": self.faults})
        self.again = True
        if not said:
            return False
        if self.over.is_set():
            self.process.stdin.close()
        for line in self.process.stdout:
            said = json.loads(line)
            if "failed" in said:
                self.told(status="failed", FailureMessages=[said["failed"]])
                self.process.wait()
                return True
            if said.get("running") and not self.over.is_set():
                self.told(status="running")
            if said.get("begun"):
                self.told(Begun=True)
            if "statistics" in said:
                self.told(Statistics=said["statistics"])
        self.process.wait()
        return self.over.is_set()

    def _say(self, what: dict) -> bool:
        try:
            self.process.stdin.write(json.dumps(what) + "\n")
            self.process.stdin.flush()
            return True
        except (OSError, ValueError):
            return False
