"""CodeBuild in the local environment: the phases of a project's buildspec, run by a shell on this machine.

Left out: the install phase (the virtual environment is installed already), the image, artifacts, caches and
reports. As on CodeBuild, the commands of all phases share one shell, a failed command ends its phase, and
post_build runs even after a failed build.

https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html
https://docs.aws.amazon.com/codebuild/latest/userguide/view-build-details-phases.html (transitions)
"""

import io
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import uuid
import zipfile
from pathlib import Path

import yaml

PHASES = ("pre_build", "build", "post_build")
DEFAULT_MINUTES = 60
PASSED_ON = ("HOME", "LANG", "LC_ALL", "PATH", "TMPDIR", "TZ", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
SCRIPT = """
export CODEBUILD_BUILD_SUCCEEDING=1
finish() {{ export CODEBUILD_BUILD_SUCCEEDING=0; }}
pre_build || {{ finish; exit 1; }}
build || finish
post_build || finish
[ "$CODEBUILD_BUILD_SUCCEEDING" = 1 ]
"""


class BuildspecError(ValueError):
    """A buildspec or project that can't be run: one line that says why."""


def run_project(project: dict, s3, env: dict[str, str]) -> tuple[str, str]:
    """Fetches the project's sources from S3 and runs its buildspec; see `run_build`."""
    with tempfile.TemporaryDirectory(prefix="codebuild-") as scratch:
        folder = Path(scratch) / "src"
        _fetch(project["source"], s3, folder)
        extra = {}
        for source in project.get("secondarySources") or []:
            name = source["sourceIdentifier"]
            _fetch(source, s3, Path(scratch) / name)
            extra[f"CODEBUILD_SRC_DIR_{name}"] = str(Path(scratch) / name)
        spec = project["source"].get("buildspec") or "buildspec.yml"
        text = spec if "\n" in spec or spec.lstrip().startswith("{") else (folder / spec).read_text()
        return run_build(project, text, folder, {**extra, **env})


def _fetch(source: dict, s3, folder: Path) -> None:
    folder.mkdir()
    if source.get("type") == "NO_SOURCE":
        return
    if source.get("type") != "S3":
        raise BuildspecError(f"source type is {source.get('type')!r}; S3 and NO_SOURCE are played here")
    bucket, _, key = source["location"].removeprefix("arn:aws:s3:::").partition("/")
    body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        archive.extractall(folder)


def run_build(project: dict, buildspec: str, source_dir: Path, env: dict[str, str]) -> tuple[str, str]:
    """Runs the buildspec (YAML) in `source_dir`; returns SUCCEEDED, FAILED or TIMED_OUT, and the log.

    Variables, the later winning: a few of this process, those of AWS, the buildspec's, the project's, `env`.
    Raises BuildspecError when the buildspec or the project can't be run.
    """
    spec = yaml.safe_load(buildspec)
    if not isinstance(spec, dict) or not any((spec.get("phases") or {}).get(phase) for phase in PHASES):
        raise BuildspecError(f"the buildspec has none of the phases {', '.join(PHASES)}")
    shell = (spec.get("env") or {}).get("shell", "sh")
    if shell not in ("sh", "bash"):
        raise BuildspecError(f"env.shell is {shell!r}; sh and bash are played here")
    minutes = float(project.get("timeoutInMinutes") or DEFAULT_MINUTES)
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [shell, "-c", _script(spec["phases"])],
            cwd=source_dir,
            env=_environment(project, spec, source_dir, env),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            status = "FAILED" if process.wait(60 * minutes) else "SUCCEEDED"
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            status = "TIMED_OUT"
        log.seek(0)
        return status, log.read().decode(errors="replace")


def _script(phases: dict) -> str:
    functions = []
    for name in PHASES:
        phase = phases.get(name) or {}
        lines = [line for command in phase.get("commands") or [] for line in _checked(command)]
        always = [line for command in phase.get("finally") or [] for line in (*_said(command), command)]
        functions.append("\n".join([f"{name}_commands() {{", ":", *lines, "}"]))
        functions.append(
            "\n".join([f"{name}() {{", f"{name}_commands; ended=$?", *always, "return $ended", "}"])
        )
    return "\n".join(functions) + SCRIPT.format()


def _said(command: str) -> list[str]:
    return [f"printf '[Container] Running command %s\\n' {shlex.quote(command)}"]


def _checked(command: str) -> list[str]:
    failed = "printf '[Container] Command did not exit successfully, exit status %s\\n' \"$status\""
    return [*_said(command), command, f"status=$?; [ $status -eq 0 ] || {{ {failed}; return $status; }}"]


def _environment(project: dict, spec: dict, source_dir: Path, env: dict[str, str]) -> dict[str, str]:
    found = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    found |= {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    found |= {name: str(value) for name, value in ((spec.get("env") or {}).get("variables") or {}).items()}
    for each in (project.get("environment") or {}).get("environmentVariables") or []:
        if each.get("type", "PLAINTEXT") != "PLAINTEXT" and each["name"] not in env:
            raise BuildspecError(
                f"variable {each['name']} is of type {each['type']}; PLAINTEXT is played here"
            )
        found[each["name"]] = each["value"]
    name = project.get("name", "local")
    found |= {"CODEBUILD_SRC_DIR": str(source_dir), "CODEBUILD_BUILD_ID": f"{name}:{uuid.uuid4()}", **env}
    found["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), found.get("PATH", os.defpath)])
    return found
