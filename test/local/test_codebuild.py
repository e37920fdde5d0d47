"""Buildspecs, run by a shell as CodeBuild runs them."""

import io
import zipfile

import pytest
import yaml
from codebuild import BuildspecError, run_build, run_project

PROJECT = {
    "name": "marts",
    "environment": {"environmentVariables": [{"name": "TARGET", "value": "redshift", "type": "PLAINTEXT"}]},
}


def build(folder, phases, given=None, project=PROJECT, **more):
    return run_build(project, yaml.safe_dump({"version": 0.2, "phases": phases, **more}), folder, given or {})


def test_commands_share_a_shell_and_the_variables_of_buildspec_project_and_caller(tmp_path):
    phases = {
        "install": {"commands": ["exit 1"]},
        "pre_build": {"commands": ["mkdir inner", "cd inner", "KEPT=yes"]},
        "build": {
            "commands": [
                'echo "$KEPT $TARGET $OWN $OTHER $(basename $PWD) it\'s"',
                "python -c 'import boto3'",
            ]
        },
    }
    env = {"variables": {"OWN": "own", "TARGET": "no"}}
    status, log = build(tmp_path, phases, {"OTHER": "other"}, env=env)
    assert (status, log.splitlines()[-2]) == ("SUCCEEDED", "yes redshift own other inner it's")
    assert (
        build(tmp_path, {"build": {"commands": ["test $TARGET = local"]}}, {"TARGET": "local"})[0]
        == "SUCCEEDED"
    )


def test_a_failed_command_ends_its_phase_and_post_build_still_runs(tmp_path):
    phases = {
        "build": {"commands": ["false", "echo never"], "finally": ["echo tidied"]},
        "post_build": {"commands": ["echo succeeding $CODEBUILD_BUILD_SUCCEEDING"]},
    }
    status, log = build(tmp_path, phases)
    said = [line for line in log.splitlines() if not line.startswith("[Container]")]
    assert (status, said) == ("FAILED", ["tidied", "succeeding 0"])
    phases["pre_build"] = {"commands": ["true && false"]}
    status, log = build(tmp_path, phases)
    assert status == "FAILED" and "succeeding" not in log.replace("echo succeeding", "")


def test_a_build_that_takes_too_long_is_ended_with_all_it_started(tmp_path):
    status, _ = build(
        tmp_path, {"build": {"commands": ["sleep 60 & sleep 60"]}}, project={"timeoutInMinutes": 0.02}
    )
    assert status == "TIMED_OUT"


def test_sources_come_from_s3(s3, bucket):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("buildspec.yml", "version: 0.2\nphases: {build: {commands: [cat data]}}")
        archive.writestr("data", "as packed")
    s3.put_object(Bucket=bucket, Key="source.zip", Body=packed.getvalue())
    project = {"source": {"type": "S3", "location": f"{bucket}/source.zip", "buildspec": "buildspec.yml"}}
    status, log = run_project(project, s3, {})
    assert status == "SUCCEEDED" and log.endswith("as packed")
    project["source"]["buildspec"] = "version: 0.2\nphases: {build: {commands: [ls]}}"
    assert run_project(project, s3, {})[1].endswith("buildspec.yml\ndata\n")


def test_what_can_not_be_run(tmp_path):
    secret = {
        "environment": {"environmentVariables": [{"name": "S", "value": "s", "type": "SECRETS_MANAGER"}]}
    }
    with pytest.raises(BuildspecError, match="S is of type SECRETS_MANAGER"):
        build(tmp_path, {"build": {"commands": ["true"]}}, project=secret)
    with pytest.raises(BuildspecError, match="none of the phases"):
        run_build(PROJECT, "version: 0.2", tmp_path, {})
