"""What others know about templates and policies: cfn-lint, checkov and parliament."""

import json
import subprocess
import sys
import warnings
from pathlib import Path

from checklist import check, each
from translation import ROOT, TRANSLATED

with warnings.catch_warnings():
    # It uses setuptools in a way that is given up.
    warnings.simplefilter("ignore")
    import parliament

HERE = Path(__file__).parent


def passes(*command):
    ran = subprocess.run(list(map(str, command)), cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, f"\n{ran.stdout}{ran.stderr}"


def policies(stack):
    """Every policy, whosever it is, by where it stands."""
    for name, resource in stack.resources.items():
        properties = resource.get("Properties", {})
        for key in ("PolicyDocument", "KeyPolicy"):
            if key in properties:
                yield name, properties[key]
        for policy in properties.get("Policies", []):
            yield name, policy["PolicyDocument"]


@check("every reference leads somewhere, and cfn-lint has nothing to say")
def _(stack):
    given = ROOT / "target/parameters.json"
    given.write_text(json.dumps([{"ParameterKey": k, "ParameterValue": v} for k, v in stack.given.items()]))
    parameters = ["--parameter-files", given] if stack.given else []
    lint = Path(sys.executable).parent / "cfn-lint"
    passes(lint, "--config-file", HERE / "cfn-lint.yaml", *parameters, "--", TRANSLATED)


@check("checkov finds nothing but what checkov.yaml gives a reason for", once=True)
def _(_stack):
    checkov = ROOT / "target/tools/checkov/bin/checkov"
    passes(checkov, "--config-file", HERE / "checkov.yaml", "--file", TRANSLATED)


EXPECTED = {
    # In a key's policy, everything is that key.
    ("RefreshKey", "RESOURCE_STAR"),
    ("AccessKey", "RESOURCE_STAR"),
    # Lambda asks for every resource before it makes a network interface in a VPC.
    ("InVpcPolicy", "RESOURCE_STAR"),
    # With every request of a function's code Lambda says which function it is, whatever service is asked.
    ("InVpcPolicy", "UNKNOWN_CONDITION_FOR_ACTION"),
}


@check("parliament finds no action, resource or condition that IAM does not know")
def _(stack):
    found = []
    for name, document in policies(stack):
        for finding in parliament.analyze_policy_string(json.dumps(document)).findings:
            if (name, finding.issue) not in EXPECTED:
                found.append(f"{name}: {finding}")
    each(found)
