"""What is kept, and on its way: queues, tables, the bucket, the topic, the keys."""

import re

from checklist import check, each, same
from translation import ROOT

DAY = 24 * 60 * 60
DEAD = {"UserJobs": "UserJobsDead", "MessageJobs": "MessageJobsDead"}


def queues(stack):
    return stack.of("AWS::SQS::Queue")


def sources(stack):
    """By queue, what feeds a function from it."""
    arns = {stack.attribute(queue, "Arn"): queue for queue in queues(stack)}
    return {arns[source["EventSourceArn"]]: source for source in stack.of("AWS::Lambda::EventSourceMapping").values()}


@check("every queue is encrypted")
def _(stack):
    same("queues", queues(stack), [*DEAD, *DEAD.values()])
    each(queue for queue, told in queues(stack).items() if told.get("SqsManagedSseEnabled") is not True)


@check("a job is received ten times before it is a dead letter, and is kept four days, a dead letter fourteen")
def _(stack):
    for queue, dead in DEAD.items():
        told, dead_told = queues(stack)[queue], queues(stack)[dead]
        redrive = {"deadLetterTargetArn": stack.attribute(dead, "Arn"), "maxReceiveCount": 10}
        assert told["RedrivePolicy"] == redrive, f"{queue}: {told['RedrivePolicy']}"
        assert told["MessageRetentionPeriod"] == 4 * DAY, queue
        assert dead_told["MessageRetentionPeriod"] == 14 * DAY, dead
        assert "RedrivePolicy" not in dead_told, f"{dead} has no dead letters of its own"


@check("a dead-letter queue takes from the queue that it belongs to, and from no other")
def _(stack):
    for queue, dead in DEAD.items():
        allowed = {"redrivePermission": "byQueue", "sourceQueueArns": [stack.attribute(queue, "Arn")]}
        assert queues(stack)[dead]["RedriveAllowPolicy"] == allowed, f"{dead}: {queues(stack)[dead]}"


@check("a job stays hidden six times as long as its function may take")
def _(stack):
    functions = {stack.ref(name): told for name, told in stack.of("AWS::Lambda::Function").items()}
    same("queues with a function", sources(stack), queues(stack))
    for queue, source in sources(stack).items():
        timeout = functions[source["FunctionName"]]["Timeout"]
        assert queues(stack)[queue]["VisibilityTimeout"] >= 6 * timeout, queue


@check("one failed job of a batch does not bring the others back, and no queue takes every invocation")
def _(stack):
    for queue, source in sources(stack).items():
        assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"], queue
        assert int(source["ScalingConfig"]["MaximumConcurrency"]) >= 2, queue


def index(stack):
    """The table of the index of results, where it is switched on."""
    return [name for name in stack.of("AWS::DynamoDB::Table") if name == "ResultsIndexTable"]


@check("there is an index of results where it is switched on, and it goes where it is switched off")
def _(stack):
    same("tables", index(stack), ["ResultsIndexTable"] if stack.given.get("ResultsIndex") == "on" else [])
    each(name for name in index(stack) if stack.resources[name]["DeletionPolicy"] != "Delete")


@check("tables cost by the request, can be set back to any second, and are not deleted by mistake")
def _(stack):
    tables = stack.of("AWS::DynamoDB::Table")
    same("tables", tables, ["UserTokens", "MessageMarks", "DeadLetters", "Control", *index(stack)])
    for table, told in tables.items():
        assert told["BillingMode"] == "PAY_PER_REQUEST", table
        assert told["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True, table
        assert told.get("DeletionProtectionEnabled", False) is (table not in index(stack)), table


@check("the receipt of a purge says how long queues and logs keep what they held")
def _(stack):
    code = (ROOT / "shared/src/goodbye.rs").read_text()
    said = {place: int(days) for place, days in re.findall(r"\(Place::(\w+), (\d+)\)", code)}
    queues_keep = max(told["MessageRetentionPeriod"] for told in queues(stack).values())
    logs_keep = max(told["RetentionInDays"] for told in stack.of("AWS::Logs::LogGroup").values())
    recovery = [told["PointInTimeRecoverySpecification"] for told in stack.of("AWS::DynamoDB::Table").values()]
    # What is not said is what AWS does.
    backups = max(told.get("RecoveryPeriodInDays", 35) for told in recovery)
    same("days", said.items(), {"Queues": queues_keep // DAY, "Logs": logs_keep, "Backups": backups}.items())


@check("what cannot be made again outlives the stack")
def _(stack):
    kept = [*stack.of("AWS::DynamoDB::Table"), *stack.of("AWS::S3::Bucket"), *stack.of("AWS::KMS::Key")]
    kept += [] if stack.given.get("GoogleSecretArn") else ["GoogleSecret"]
    for name in set(kept) - set(index(stack)):
        resource = stack.resources[name]
        assert resource.get("DeletionPolicy") in ("Retain", "RetainExceptOnCreate"), name
        assert resource.get("UpdateReplacePolicy") == "Retain", name


@check("the bucket is closed to the public, encrypted, keeps old versions a while, and has no access lists")
def _(stack):
    [bucket] = stack.of("AWS::S3::Bucket").values()
    blocks = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
    assert bucket["PublicAccessBlockConfiguration"] == dict.fromkeys(blocks, True)
    assert bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    [encryption] = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption["ServerSideEncryptionByDefault"]["SSEAlgorithm"] in ("AES256", "aws:kms")
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    rules = [rule for rule in bucket["LifecycleConfiguration"]["Rules"] if rule["Status"] == "Enabled"]
    everywhere = [rule for rule in rules if "Prefix" not in rule]
    assert any(rule.get("NoncurrentVersionExpiration") for rule in everywhere), rules
    assert any(rule.get("AbortIncompleteMultipartUpload") for rule in everywhere), rules


@check("no current version of a result or an original expires")
def _(stack):
    [bucket] = stack.of("AWS::S3::Bucket").values()
    rules = bucket["LifecycleConfiguration"]["Rules"]
    each(rule["Id"] for rule in rules if {"ExpirationInDays", "ExpirationDate"} & rule.keys())


@check("queues, bucket and the topic of events are spoken to over TLS only")
def _(stack):
    refusing = set()
    kinds = {"AWS::SQS::QueuePolicy": "Queues", "AWS::SNS::TopicPolicy": "Topics", "AWS::S3::BucketPolicy": "Bucket"}
    for kind, of in kinds.items():
        for name, told in stack.of(kind).items():
            owners = told[of] if isinstance(told[of], list) else [told[of]]
            refusing.update(owners if any(map(without_tls, told["PolicyDocument"]["Statement"])) else [])
    should = [stack.ref(name) for name in [*queues(stack), *stack.of("AWS::S3::Bucket"), "Events"]]
    same("what refuses", refusing, should)


def without_tls(statement):
    """Whether it refuses whoever comes without TLS."""
    everybody = statement["Effect"] == "Deny" and statement["Principal"] == "*"
    return everybody and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


@check("queues, bucket and topic let in nobody from outside the account")
def _(stack):
    root = f"arn:aws:iam::{stack.ref('AWS::AccountId')}:root"
    for kind in ("AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy", "AWS::S3::BucketPolicy"):
        for name, told in stack.of(kind).items():
            for statement in told["PolicyDocument"]["Statement"]:
                assert statement["Effect"] == "Deny" or statement["Principal"] == {"AWS": root}, f"{name}: {statement}"


@check("keys are changed every year, and nobody but the account's own policies says who uses them")
def _(stack):
    root = f"arn:aws:iam::{stack.ref('AWS::AccountId')}:root"
    for name, key in stack.of("AWS::KMS::Key").items():
        assert key["EnableKeyRotation"] is True, name
        [statement] = key["KeyPolicy"]["Statement"]
        assert statement["Principal"] == {"AWS": root}, name
