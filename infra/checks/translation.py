"""The template as AWS gets it: translated from SAM to CloudFormation, and resolved for a choice of parameters.

Nothing is asked of AWS, and nothing need have been built. What CloudFormation would name is named by its logical id.
"""

import json
import os
import re
from functools import cache
from pathlib import Path

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).parents[2]
TRANSLATED = ROOT / "target/template.json"

REGION, ACCOUNT = "eu-central-1", "123456789012"

# The choices that every check has to stand: nothing set, and everything.
CHOICES = {
    "the defaults": {},
    "everything set": {
        "Schedule": "rate(1 minute)",
        "PollIntervalMin": "1m",
        "PollIntervalMax": "2h",
        "MaxUsersPerInvocation": "500",
        "UserBatchSize": "3",
        "MessageBatchSize": "4",
        "MaxConcurrency": "7",
        "AlarmEmail": "somebody@example.com",
        "Notify": "ses",
        "NotifyFrom": "fanmail@mail.example.com",
        "RulesFile": "s3://rules-of-ours/fanmail/rules.toml",
        "ResultsFormat": "packed",
        "ResultsIndex": "on",
        "GoogleBaseUrl": "https://google.example.com",
        "GoogleSecretArn": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:given-AbCdEf",
        "WorkspaceSecretArn": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:workspace-AbCdEf",
        "WebhookSecretArn": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:webhooks-AbCdEf",
        "Features": "labels,forwarding",
        "ForwardTargets": "books@example.com, @example.org",
        "DomainName": "mail.example.com",
        "CertificateArn": f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/12345678-1234-1234-1234-123456789012",
        "SubnetIds": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
        "SecurityGroupIds": ["sg-0123456789abcdef0"],
        "Architecture": "arm64",
    },
}

PSEUDO = {
    "AWS::AccountId": ACCOUNT,
    "AWS::NoValue": None,
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::StackName": "fanmail",
    "AWS::URLSuffix": "amazonaws.com",
}

# What `Ref` and `GetAtt Arn` give, by type. `Ref` gives the name where nothing is said.
HERE = f"{REGION}:{ACCOUNT}"
REFS = {
    "AWS::IAM::ManagedPolicy": f"arn:aws:iam::{ACCOUNT}:policy/{{}}",
    "AWS::SecretsManager::Secret": f"arn:aws:secretsmanager:{HERE}:secret:{{}}",
    "AWS::SNS::Topic": f"arn:aws:sns:{HERE}:{{}}",
    "AWS::SQS::Queue": f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{{}}",
}
ARNS = {
    "AWS::DynamoDB::Table": f"arn:aws:dynamodb:{HERE}:table/{{}}",
    "AWS::IAM::Role": f"arn:aws:iam::{ACCOUNT}:role/{{}}",
    "AWS::KMS::Key": f"arn:aws:kms:{HERE}:key/{{}}",
    "AWS::Lambda::Function": f"arn:aws:lambda:{HERE}:function:{{}}",
    "AWS::Logs::LogGroup": f"arn:aws:logs:{HERE}:log-group:{{}}:*",
    "AWS::S3::Bucket": "arn:aws:s3:::{}",
    "AWS::SQS::Queue": f"arn:aws:sqs:{HERE}:{{}}",
}
NAMES = {
    "AWS::Lambda::Function": "FunctionName",
    "AWS::SecretsManager::Secret": "Name",
    "AWS::SNS::Topic": "TopicName",
    "AWS::SQS::Queue": "QueueName",
}


class NoManagedPolicies:
    """The template names none, and AWS would have to be asked for them."""

    def load(self):
        return {}


@cache
def translated():
    """The translation, which is written down for the tools that read a file."""
    os.environ.setdefault("AWS_DEFAULT_REGION", REGION)
    template = yaml_parse((ROOT / "infra/template.yaml").read_text())
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            # As after `sam deploy` has packed it; the binaries may not be there.
            resource["Properties"]["CodeUri"] = {"Bucket": "packed", "Key": "code"}
    template = transform(template, {}, NoManagedPolicies())
    TRANSLATED.parent.mkdir(exist_ok=True)
    TRANSLATED.write_text(json.dumps(template, indent=2))
    return template


@cache
def stack(choice):
    """The stack that a choice of parameters makes."""
    return Stack(translated(), CHOICES[choice])


class Stack:
    """Every resource and output that is there, with every reference resolved; one that leads nowhere raises."""

    def __init__(self, template, given):
        self.template = template
        self.given = given
        defaults = {name: str(told.get("Default", "")) for name, told in template["Parameters"].items()}
        self.parameters = defaults | given
        there = {
            name: resource for name, resource in template["Resources"].items() if self._holds(resource.get("Condition"))
        }
        self.types = {name: resource["Type"] for name, resource in there.items()}
        self._named = {name: self._name(name, resource) for name, resource in there.items()}
        self.resources = {name: self.resolve(resource) for name, resource in there.items()}
        self.outputs = {
            name: self.resolve(output["Value"])
            for name, output in template["Outputs"].items()
            if self._holds(output.get("Condition"))
        }

    def of(self, kind):
        """The properties of every resource of a type, by logical id."""
        wanted = (name for name, type in self.types.items() if type == kind)
        return {name: self.resources[name].get("Properties", {}) for name in wanted}

    def ref(self, name):
        if name in PSEUDO:
            return PSEUDO[name]
        if name in self.parameters:
            return self.parameters[name]
        return REFS.get(self._type(name), "{}").format(self._named[name])

    def attribute(self, name, attribute):
        """An ARN, or else the name: whether there is such an attribute, cfn-lint knows."""
        if (self._type(name), attribute) == ("AWS::SecretsManager::Secret", "Id"):
            return self.ref(name)
        return ARNS[self._type(name)].format(self._named[name]) if attribute == "Arn" else self._named[name]

    def has_arn(self, name):
        return self.types[name] in ARNS

    def resolve(self, value):
        if isinstance(value, list):
            return [one for one in map(self.resolve, value) if one is not None]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            [(function, argument)] = value.items()
            if function == "Ref":
                return self.ref(argument)
            if function.startswith("Fn::"):
                return getattr(self, "_" + function.removeprefix("Fn::").lower())(argument)
        pairs = ((key, self.resolve(one)) for key, one in value.items())
        return {key: one for key, one in pairs if one is not None}

    def _holds(self, condition):
        return condition is None or self.resolve(self.template["Conditions"][condition])

    def _name(self, name, resource):
        property = NAMES.get(resource["Type"])
        return self.resolve(resource["Properties"].get(property, name)) if property else name

    def _type(self, name):
        assert name in self.types, f"{name} is referred to and is not there"
        return self.types[name]

    def _and(self, conditions):
        return all(map(self.resolve, conditions))

    def _not(self, conditions):
        return not self.resolve(conditions[0])

    def _equals(self, pair):
        return self.resolve(pair[0]) == self.resolve(pair[1])

    def _if(self, choice):
        condition, then, otherwise = choice
        return self.resolve(then if self._holds(condition) else otherwise)

    def _join(self, pair):
        parts = self.resolve(pair[1])
        return pair[0].join(parts if isinstance(parts, list) else [parts])

    def _getatt(self, path):
        name, attribute = path.split(".", 1) if isinstance(path, str) else path
        return self.attribute(name, attribute)

    def _select(self, pair):
        return self.resolve(pair[1])[int(pair[0])]

    def _split(self, pair):
        return self.resolve(pair[1]).split(pair[0])

    def _sub(self, argument):
        text, given = argument if isinstance(argument, list) else (argument, {})

        def value(match):
            if match[1] in given:
                return str(self.resolve(given[match[1]]))
            name, _, attribute = match[1].partition(".")
            return str(self.attribute(name, attribute) if attribute else self.ref(name))

        return re.sub(r"\$\{([^!}]+)\}", value, text)
