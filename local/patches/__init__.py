"""What the emulator changes inside ministack (pinned in requirements.in), one file a service; each has `extend`.

Nothing else of ours reaches into ministack's internals. What is changed, and why, stands beside each change, and
test/local/test_emulator.py fails when a new version moves under it. The services themselves are plain modules
beside this folder.
"""

from patches import (
    cloudformation,
    codebuild,
    dms,
    faults,
    firehose,
    glue,
    iam,
    kinesis,
    lambda_runtime,
    own_requests,
    rds,
    redshift,
    s3,
    saving,
    step_functions,
)

PATCHES = (
    saving,
    iam,
    redshift,
    glue,
    kinesis,
    firehose,
    dms,
    rds,
    codebuild,
    step_functions,
    cloudformation,
    lambda_runtime,
    s3,
    faults,
    own_requests,
)
"""In this order: a later one wraps what an earlier one has put there."""
