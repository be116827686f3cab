"""Who may do what: roles, and what each function is told."""

import json
import re

from checklist import check, each, same
from translation import ROOT

TOKENS = {
    "Dispatcher": set(),
    "UserWorker": {
        ("kms:GenerateDataKey", "RefreshKey"),
        ("kms:Decrypt", "RefreshKey"),
        ("kms:GenerateDataKey", "AccessKey"),
        ("kms:Decrypt", "AccessKey"),
    },
    "MessageProcessor": {("kms:Decrypt", "AccessKey")},
    "DeadLetter": set(),
    "OauthCallback": {("kms:GenerateDataKey", "RefreshKey")},
}
SECRETS = {"UserWorker": {"google"}, "OauthCallback": {"google", "web"}, "DeadLetter": {"web"}}


def listed(value):
    return value if isinstance(value, list) else [value]


def functions(stack):
    return stack.of("AWS::Lambda::Function")


def statements(stack, role):
    """What a role's own policies and those that it names say."""
    properties = stack.resources[role]["Properties"]
    documents = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
    for name, shared in stack.of("AWS::IAM::ManagedPolicy").items():
        if stack.ref(name) in properties.get("ManagedPolicyArns", []):
            documents.append(shared["PolicyDocument"])
    return [statement for document in documents for statement in document["Statement"]]


def grants(stack, role):
    """Every action that a role may do, with what it may do it to."""
    return {
        (action, resource)
        for statement in statements(stack, role)
        if statement["Effect"] == "Allow"
        for action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    }


def role_of(stack, function):
    arn = functions(stack)[function]["Role"]
    return next(role for role in stack.of("AWS::IAM::Role") if stack.attribute(role, "Arn") == arn)


def may(stack, function, service):
    """What a function may do with a service."""
    return {(a, r) for a, r in grants(stack, role_of(stack, function)) if a.startswith(f"{service}:")}


@check("every function has a role of its own, which Lambda alone takes on")
def _(stack):
    roles = [role_of(stack, function) for function in functions(stack)]
    assert len(set(roles)) == len(roles) == 5, roles
    for role in roles:
        [trust] = stack.resources[role]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        assert trust["Principal"] == {"Service": "lambda.amazonaws.com"}, trust


@check("no role may do a whole class of things, nor anything to everything but a network interface")
def _(stack):
    for role in stack.of("AWS::IAM::Role"):
        for statement in statements(stack, role):
            assert not {"NotAction", "NotResource"} & statement.keys(), f"{role}: {statement}"
        for action, resource in grants(stack, role):
            assert "*" not in action, f"{role} may {action}"
            in_vpc = action.startswith("ec2:") and stack.given.get("SubnetIds")
            assert resource != "*" or in_vpc, f"{role} may {action} everything"


@check("no policy of AWS's own is attached, and none to anybody else")
def _(stack):
    ours = {stack.ref(name) for name in stack.of("AWS::IAM::ManagedPolicy")}
    for role, properties in stack.of("AWS::IAM::Role").items():
        assert set(properties.get("ManagedPolicyArns", [])) <= ours, role
    kinds = {type for type in stack.types.values() if type.startswith("AWS::IAM::")}
    assert kinds <= {"AWS::IAM::Role", "AWS::IAM::ManagedPolicy"}, kinds
    for name, policy in stack.of("AWS::IAM::ManagedPolicy").items():
        assert not {"Roles", "Users", "Groups"} & policy.keys(), name


@check("what Lambda may do to network interfaces, a function's code may not")
def _(stack):
    for function in functions(stack):
        said = statements(stack, role_of(stack, function))
        ec2 = {action for action, _ in may(stack, function, "ec2")}
        denied = [one for one in said if one["Effect"] == "Deny" and set(listed(one["Action"])) == ec2]
        assert bool(ec2) == bool(stack.given.get("SubnetIds")) == bool(denied), function
        for one in denied:
            [pattern] = listed(one["Condition"]["ArnLike"]["lambda:SourceFunctionArn"])
            assert re.fullmatch(pattern.replace("*", ".*"), stack.attribute(function, "Arn")), pattern


@check("each function seals and opens the tokens that it works with, and no others")
def _(stack):
    same("functions", functions(stack), TOKENS)
    for function, should in TOKENS.items():
        keys = {stack.attribute(key, "Arn"): key for key in stack.of("AWS::KMS::Key")}
        same(function, {(a, keys.get(r, r)) for a, r in may(stack, function, "kms")}, should)


@check("only who speaks for our OAuth client reads its secret, only the user-worker the service account's, only the message-processor the webhooks' key, and only who makes links the key of those")
def _(stack):
    google = stack.given.get("GoogleSecretArn") or stack.ref("GoogleSecret")
    arns = {"google": google, "web": stack.ref("WebSecret")}
    for function in functions(stack):
        should = {("secretsmanager:GetSecretValue", arns[name]) for name in SECRETS.get(function, ())}
        if function == "UserWorker" and stack.given.get("WorkspaceSecretArn"):
            should.add(("secretsmanager:GetSecretValue", stack.given["WorkspaceSecretArn"]))
        if function == "MessageProcessor" and stack.given.get("WebhookSecretArn"):
            should.add(("secretsmanager:GetSecretValue", stack.given["WebhookSecretArn"]))
        same(function, may(stack, function, "secretsmanager"), should)


@check("only the message-processor sees mail and rules, and it deletes none; only the user-worker deletes mail, and it sees none")
def _(stack):
    bucket = stack.attribute("Results", "Arn")
    places = [f"{bucket}/{prefix}/*" for prefix in ("results", "packed", "raw")]
    sees = {(f"s3:{verb}Object", place) for verb in ("Get", "Put") for place in places}
    rules = {("s3:GetObject", rules_object(stack))} if stack.given.get("RulesFile") else set()
    if rules:
        # The last good ones, which are not among what a mailbox has.
        rules |= {(f"s3:{verb}Object", f"{bucket}/rules/*") for verb in ("Get", "Put")}
    deletes = {(f"s3:Delete{what}", place) for what in ("Object", "ObjectVersion") for place in places}
    should = {
        "MessageProcessor": sees | rules | {("s3:ListBucket", bucket)},
        "UserWorker": deletes | {("s3:ListBucketVersions", bucket)},
    }
    for function in functions(stack):
        same(function, may(stack, function, "s3"), should.get(function, ()))


@check("who lists versions of objects lists results, packed or not, and originals")
def _(stack):
    for statement in statements(stack, role_of(stack, "UserWorker")):
        if "s3:ListBucketVersions" in listed(statement["Action"]):
            [prefixes] = [told["s3:prefix"] for told in statement["Condition"].values()]
            same("prefixes", prefixes, ["results/*", "packed/*", "raw/*"])


@check("the message-processor notes results in the index, the user-worker deletes them there, and nobody does both")
def _(stack):
    if stack.given.get("ResultsIndex") != "on":
        return
    index = stack.attribute("ResultsIndexTable", "Arn")
    should = {"MessageProcessor": ("GetItem", "BatchGetItem", "UpdateItem"), "UserWorker": ("Query", "DeleteItem")}
    for function in functions(stack):
        granted = {action for action, arn in may(stack, function, "dynamodb") if arn == index}
        same(function, granted, {f"dynamodb:{verb}" for verb in should.get(function, ())})
        told = functions(stack)[function]["Environment"]["Variables"].get("RESULTS_INDEX_TABLE")
        assert told == (stack.ref("ResultsIndexTable") if function in should else None), function


@check("only the dead-letter stage writes to people, from one address, and only where it is switched on")
def _(stack):
    sender = stack.given.get("NotifyFrom", "")
    is_on = stack.given.get("Notify") == "ses"
    for function in functions(stack):
        should = {("ses:SendEmail", sender), ("ses:SendEmail", sender.partition("@")[2])}
        granted = {(action, arn.rpartition(":identity/")[2]) for action, arn in may(stack, function, "ses")}
        same(function, granted, should if is_on and function == "DeadLetter" else ())


@check("the dispatcher scans, holds its round, sends jobs and starts itself, and nothing else")
def _(stack):
    arn = {name: stack.attribute(name, "Arn") for name in ("UserTokens", "Control", "UserJobs", "Dispatcher")}
    should = {
        ("dynamodb:Scan", arn["UserTokens"]),
        ("dynamodb:GetItem", arn["Control"]),
        ("dynamodb:UpdateItem", arn["Control"]),
        ("sqs:SendMessage", arn["UserJobs"]),
        ("lambda:InvokeFunction", arn["Dispatcher"]),
    }
    granted = grants(stack, role_of(stack, "Dispatcher")) - may(stack, "Dispatcher", "ec2")
    same("the dispatcher", granted - may(stack, "Dispatcher", "logs"), should)


@check("marks and the index are deleted from by the user-worker alone, dead letters by it and their desk, and only the dispatcher reads a whole table")
def _(stack):
    more = {"Dispatcher": {"Scan"}, "UserWorker": {"DeleteItem"}, "DeadLetter": {"DeleteItem"}}
    for function in functions(stack):
        verbs = {action.partition(":")[2] for action, _ in may(stack, function, "dynamodb")}
        allowed = {"GetItem", "BatchGetItem", "Query", "UpdateItem"} | more.get(function, set())
        assert verbs <= allowed, f"{function}: {verbs - allowed}"
    index = ("ResultsIndexTable",) if stack.given.get("ResultsIndex") == "on" else ()
    deletes = {"UserWorker": ("MessageMarks", "DeadLetters", *index), "DeadLetter": ("DeadLetters",)}
    for function, tables in deletes.items():
        deleted = {arn for action, arn in may(stack, function, "dynamodb") if action == "dynamodb:DeleteItem"}
        same(f"tables whose rows {function} deletes", deleted, {stack.attribute(name, "Arn") for name in tables})


@check("each function writes JSON into a log of its own, and may write into no other")
def _(stack):
    logs = {}
    for function, properties in functions(stack).items():
        told = properties["LoggingConfig"]
        assert told["LogFormat"] == "JSON", function
        logs[function] = told["LogGroup"]
        arn = stack.attribute(told["LogGroup"], "Arn")
        should = {("logs:CreateLogStream", arn), ("logs:PutLogEvents", arn)}
        same(function, may(stack, function, "logs"), should)
    assert len(set(logs.values())) == len(logs), logs


@check("a function knows the names of what its role may use, and no others")
def _(stack):
    for function, properties in functions(stack).items():
        known = {resource_of(stack, value) for value in properties["Environment"]["Variables"].values()}
        used = {resource_of(stack, arn) for _, arn in grants(stack, role_of(stack, function))}
        same(function, known - {None}, used - {None, function, properties["LoggingConfig"]["LogGroup"]})


def resource_of(stack, value):
    """The resource that a name, URL or ARN stands for; for what is in a bucket, the bucket."""
    for name in stack.types:
        arn = stack.attribute(name, "Arn") if stack.has_arn(name) else stack.ref(name)
        if value in (stack.ref(name), arn) or value.startswith(f"{arn}/"):
            return name
    if value and value in (stack.given.get("RulesFile"), rules_object(stack)):
        return "RulesFile"
    return value if value in map(stack.given.get, ("GoogleSecretArn", "WorkspaceSecretArn", "WebhookSecretArn")) else None


def rules_object(stack):
    """The ARN of the one object that the operator's rules are."""
    return stack.given.get("RulesFile", "").replace("s3://", "arn:aws:s3:::")


@check("a function is told what its code asks for, and no more")
def _(stack):
    for function, properties in functions(stack).items():
        told = set(properties["Environment"]["Variables"])
        needed, possible = asked(properties["FunctionName"].removeprefix("fanmail-"))
        each([f"{function} is not told {name}" for name in needed - told])
        each([f"{function} is told {name}, which it does not ask for" for name in told - needed - possible])


@check("no secret's value is in the template")
def _(stack):
    text = json.dumps(stack.template)
    assert "{{resolve:" not in text and "SecretString" not in text.replace("GenerateSecretString", "")
    same("parameters that hide", [n for n, told in stack.template["Parameters"].items() if told.get("NoEcho")], ())


def asked(crate):
    """The names that a function's code needs, and those that it reads if they are there."""
    code = source(f"{crate}/src/aws.rs") + source(f"{crate}/src/main.rs")
    needed = names(code)
    for method, argument in re.findall(r"(?<![.\w])stack\.(\w+)\(([\w:]*)\)", code):
        needed |= names_of_stack(method, argument)
    if "redirect_uri(stack.env)" in code:
        needed |= names(body("shared/src/settings.rs", "redirect_uri"))
    if "stack.mailer()" in code:
        needed |= names(source("shared/src/mailer/mod.rs"))
    possible = names(body("shared/src/settings.rs", "read"))
    if ".ledger()" in code or ".replay()" in code:
        possible |= names(body("shared/src/ledger/dynamodb/mod.rs", "read"))
    if "GoogleAddresses::read" in code:
        possible |= names(body("shared/src/google/http/addresses.rs", "read"))
    # Lambda itself tells this one.
    return needed - {"AWS_LAMBDA_FUNCTION_NAME"}, possible


def names_of_stack(method, argument):
    """The names that a method of `Stack` asks for, by itself or through another."""
    text = body("shared/src/aws/stack.rs", method)
    if argument:
        # Of a match, the arm.
        text = re.search(rf"{argument} => (.*)", text)[1]
    found = names(text)
    for other in re.findall(r"self\.(\w+)\(\)", text):
        found |= names_of_stack(other, "")
    return found


def source(path):
    return (ROOT / path).read_text()


def body(path, function):
    """A public function's text, without that of the functions around it."""
    found = re.search(rf"^( *)pub fn {function}\(.*?^\1}}$", source(path), re.DOTALL | re.MULTILINE)
    assert found, f"{path} has no function {function}"
    return found[0]


def names(text):
    return set(re.findall(r'"([A-Z][A-Z_]{5,})"', text))
