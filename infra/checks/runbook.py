"""What the person on call reads: docs/runbook.md and docs/logging.md, held against the template and the code."""

import re

from checklist import check, each, same
from signals import OURS, fields_of, filters
from translation import ROOT

# In the words of a section, where somebody finds it at night.
PARTS = ("- **Look:**", "- **Do:**", "- **Over when:**")


def page(name):
    """A page with each paragraph on one line, so that nothing is broken in the middle."""
    text = (ROOT / "docs" / name).read_text()
    parts = re.split(r"(^ *```.*?^ *```$)", text, flags=re.DOTALL | re.MULTILINE)
    for at in range(0, len(parts), 2):
        parts[at] = re.sub(r"(?<=[^\s|])\n *(?!\n|#|\||- |\d+\. )(?=\S)", " ", parts[at])
    return "".join(parts)


def every_alarm(stack):
    """Every alarm of the template, whatever is switched on."""
    for name, resource in stack.template["Resources"].items():
        if resource["Type"] == "AWS::CloudWatch::Alarm":
            yield name, resource["Properties"]


def alarm_sections():
    """By alarm, the words of its section; a section may be about more than one."""
    [alarms] = re.findall(r"^## Alarms\n(.*?)^## ", page("runbook.md"), re.DOTALL | re.MULTILINE)
    for heading, body in re.findall(r"^### ([^\n]+)\n(.*?)(?=^### |\Z)", alarms, re.DOTALL | re.MULTILINE):
        for name in re.findall(r"`(\w+)`", heading):
            yield name, body


def quoted(text):
    """What stands in backticks, of one or of three."""
    blocks = re.findall(r"^ *```\w*\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)
    spans = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    return [line.strip() for block in blocks for line in block.splitlines()] + spans


def subcommands():
    """Every word that clap takes for a command."""
    enum = r"#\[derive\([^\]]*Subcommand[^\]]*\)\]\n(?:#\[.*?\]\n)*pub\(crate\) enum \w+ \{\n(.*?)\n\}"
    args = [ROOT / "cli/src/args.rs", *(ROOT / "cli/src/args").glob("*.rs")]
    bodies = [body for path in args for body in re.findall(enum, path.read_text(), re.DOTALL)]
    variants = [name for body in bodies for name in re.findall(r"^    (\w+)(?=[(,]| \{)", body, re.MULTILINE)]
    return {re.sub(r"(?<!^)([A-Z])", r"-\1", name).lower() for name in variants}


def unheard_of(where, commands, known):
    """Each `fanmail …` with a word before its first option or argument that is no command."""
    ours = [one for one in commands if one.startswith("fanmail ")]
    words = {one: re.match(r"fanmail((?: [a-z][a-z-]*)*)", one)[1].split() for one in ours}
    return [f"{where}: `{one}`: there is no {word}" for one in ours for word in words[one] if word not in known]


@check("every alarm has its section in the runbook, and every section its alarm", once=True)
def _(stack):
    same("sections", [name for name, _ in alarm_sections()], [name for name, _ in every_alarm(stack)])


@check("a section says where to look, what to do and when it is over, by commands that exist", once=True)
def _(stack):
    known = subcommands()
    assert {"dead-letters", "accounts", "list"} <= known, known
    wrong = []
    for name, body in alarm_sections():
        wrong += [f"{name}: {part} is missing" for part in PARTS if part not in body]
        commands = [one for one in quoted(body) if re.match("(fanmail|aws) ", one)]
        wrong += [] if commands else [f"{name} names no command"]
        wrong += unheard_of(name, commands, known)
    each(wrong)


@check("every command that an alarm names exists", once=True)
def _(stack):
    known, wrong = subcommands(), []
    for name, alarm in every_alarm(stack):
        wrong += unheard_of(name, quoted(alarm["AlarmDescription"]), known)
    each(wrong)


def statements():
    """Every statement of the log in the code: where, its fields as they are written, its sentence."""
    for path in ROOT.glob("*/src/**/*.rs"):
        for fields, sentence in re.findall(r'tracing::\w+!\(([^;]*?)"([^"]+)"[\s,]*\)', path.read_text()):
            yield path.relative_to(ROOT), fields, sentence


@check("every line of the log that the runbook and the page on logging quote is one that the code writes", once=True)
def _(stack):
    written = {sentence for _, _, sentence in statements()}
    assert "A job was parked" in written
    for name in ("runbook.md", "logging.md"):
        text = page(name)
        lines = [one for one in quoted(text) if re.match(r"[A-Z][a-z]* [a-z]", one)]
        lines += re.findall(r'message = "([^"]+)"', text)
        assert lines, name
        each(f"{name}: nothing logs {one!r}" for one in lines if not any(said.startswith(one) for said in written))


@check("the page on logging names every line that a metric is read from, and the metric")
def _(stack):
    [table] = re.findall(r"^\| line \|.*?\n\n", page("logging.md"), re.DOTALL | re.MULTILINE)
    rows = [row.split("|")[1:4] for row in table.strip().splitlines()[2:]]
    for name, pattern, crate, metric in filters(stack):
        assert metric["MetricNamespace"] == OURS
        lines = re.findall(r'\$\.message = "([^"]+)"', pattern) or ["anything at `ERROR`"]
        for line in lines:
            found = [row for row in rows if line in row[0] and crate in row[1] and f"`{metric['MetricName']}`" in row[2]]
            assert found, f"{name}: no row has {line!r} of {crate} and {metric['MetricName']}"


@check("no line of the log has a field by the name of one that every line has", once=True)
def _(stack):
    every = {"timestamp", "level", "target", "message"}
    found = [(where, sentence, fields_of(fields) & every) for where, fields, sentence in statements()]
    each(f"{where}: {sentence!r} has {doubled}" for where, sentence, doubled in found if doubled)
