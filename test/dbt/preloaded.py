"""dbt for tests: imported once, and forked for each command. Imports are half of what a short command takes.

    python preloaded.py FOLDER

puts a program `dbt` into FOLDER, prints `ready`, and ends when its standard input does.
"""

import json
import os
import selectors
import signal
import socket
import sys
import traceback
from pathlib import Path

# With what it was started with: its folder, its arguments, its environment, its open streams.
PROGRAM = """#!{python} -SE
import json, os, socket, sys
call = json.dumps([os.getcwd(), sys.argv[1:], dict(os.environ)])
with socket.socket(socket.AF_UNIX) as there:
    there.connect({address!r})
    socket.send_fds(there, [call.encode() + b"\\n"], [0, 1, 2])
    sys.exit(int(there.recv(9) or 1))
"""


def answer(there: socket.socket) -> None:
    """Runs one command in this process, as the one that called, and says its exit code."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    text, streams, _, _ = socket.recv_fds(there, 1 << 20, 3)
    while not text.endswith(b"\n"):
        text += there.recv(1 << 20)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    folder, arguments, environment = json.loads(text)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    from dbt.cli.main import cli

    sys.argv, code = ["dbt", *arguments], 1
    try:
        cli()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        there.sendall(str(code).encode())
        os._exit(code)


def main(folder: Path) -> None:
    import dbt.adapters.postgres
    import dbt.adapters.redshift
    import dbt.cli.main  # noqa: F401

    program = folder / "dbt"
    with socket.socket(socket.AF_UNIX) as door, selectors.DefaultSelector() as waiting:
        door.bind(str(folder / "door"))
        door.listen()
        program.write_text(PROGRAM.format(python=sys.executable, address=str(folder / "door")))
        program.chmod(0o755)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        for each in (door, sys.stdin):
            waiting.register(each, selectors.EVENT_READ)
        print("ready", flush=True)
        while all(key.fileobj is door for key, _ in waiting.select()):
            there, _ = door.accept()
            with there:
                if os.fork() == 0:
                    answer(there)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
