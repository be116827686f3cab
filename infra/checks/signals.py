"""What is seen of it: logs, the metrics read out of them, alarms, the dashboard."""

import json
import re

from checklist import check, each, same
from stores import DEAD
from translation import ROOT

OURS = "Fanmail/fanmail"


def alarms(stack):
    return stack.of("AWS::CloudWatch::Alarm")


def watched(stack, namespace, metric, dimension):
    """What alarms watch: the values of a dimension of a metric."""
    return [
        one["Value"]
        for alarm in alarms(stack).values()
        if (alarm["Namespace"], alarm["MetricName"]) == (namespace, metric)
        for one in alarm.get("Dimensions", [])
        if one["Name"] == dimension
    ]


def filters(stack):
    """Every metric filter: its name, its pattern, the function whose log it reads, its one metric."""
    logs = {f["LoggingConfig"]["LogGroup"]: f for f in stack.of("AWS::Lambda::Function").values()}
    for name, told in stack.of("AWS::Logs::MetricFilter").items():
        crate = logs[told["LogGroupName"]]["FunctionName"].removeprefix("fanmail-")
        [metric] = told["MetricTransformations"]
        yield name, told["FilterPattern"], crate, metric


def made(stack):
    """Every metric of ours that a filter makes."""
    return {metric["MetricName"] for _, _, _, metric in filters(stack) if metric["MetricNamespace"] == OURS}


@check("every log is forgotten after a while")
def _(stack):
    groups = stack.of("AWS::Logs::LogGroup")
    assert len(groups) == 6
    each(name for name, told in groups.items() if not 1 <= told.get("RetentionInDays", 0) <= 30)


@check("every alarm says what it means, and says it to the topic of alarms")
def _(stack):
    for name, alarm in alarms(stack).items():
        assert alarm["AlarmActions"] == [stack.ref("Alarms")], name
        assert len(alarm["AlarmDescription"]) > 40, name
        assert alarm["TreatMissingData"] == "notBreaching", name
        assert alarm.get("ActionsEnabled", True), name


@check("there is an alarm for every function that fails")
def _(stack):
    functions = [stack.ref(name) for name in stack.of("AWS::Lambda::Function")]
    same("alarms", watched(stack, "AWS/Lambda", "Errors", "FunctionName"), functions)


@check("there is an alarm for every queue with old jobs, and for every dead letter that nobody takes")
def _(stack):
    def name(queue):
        return stack.attribute(queue, "QueueName")

    same("age", watched(stack, "AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName"), map(name, DEAD))
    dead = watched(stack, "AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName")
    same("dead letters", dead, map(name, DEAD.values()))


@check("there is an alarm for every table that is throttled, in reading and in writing")
def _(stack):
    tables = [stack.ref(name) for name in stack.of("AWS::DynamoDB::Table")]
    for metric in ("ReadThrottleEvents", "WriteThrottleEvents"):
        same(metric, watched(stack, "AWS/DynamoDB", metric, "TableName"), tables)


@check("every metric that is read out of a log is logged so by the code")
def _(stack):
    for name, pattern, crate, metric in filters(stack):
        fields = set(re.findall(r"\$\.(\w+)", json.dumps([pattern, metric])))
        messages = re.findall(r'\$\.message = "([^"]+)"', pattern)
        assert messages or fields == {"level"}, f"{name} reads {fields} of no message"
        for message in messages:
            statements = logged(crate, message)
            assert statements, f"{name}: neither {crate} nor shared logs {message!r}"
            for statement in statements:
                each(f"{name}: {message!r} has no {one}" for one in fields - {"message", "level"} - statement)


def logged(crate, message):
    """The fields of each statement that logs a message: its own, and those of the spans in its file."""
    found = []
    for path in [*(ROOT / crate / "src").rglob("*.rs"), *(ROOT / "shared/src").rglob("*.rs")]:
        text = path.read_text()
        spans = re.findall(r"_span!\((.*?)\)[;\n]", text, re.DOTALL)
        for own in re.findall(rf'tracing::\w+!\(([^;]*?)"{re.escape(message)}"[\s,]*\)', text):
            found.append(set().union(*map(fields_of, [own, *spans])))
    return found


def fields_of(arguments):
    """The fields among the arguments of a macro of tracing: `name = …`, or a variable of that name."""
    return set(re.findall(r"(?:^|[\s,])[%?]?(\w+)(?=\s*(?:=|,|$))", arguments))


@check("alarms and dashboard show every metric of ours, and none that is not there")
def _(stack):
    shown = {metric for namespace, metric in dashboard(stack) if namespace == OURS}
    alarming = {alarm["MetricName"] for alarm in alarms(stack).values() if alarm["Namespace"].startswith("Fanmail")}
    each(name for name, alarm in alarms(stack).items() if not re.match("AWS/|Fanmail/fanmail$", alarm["Namespace"]))
    same("metrics", shown | alarming, made(stack))


@check("the dashboard is one, and shows jobs waiting, failures and what Google was asked")
def _(stack):
    shown = set(dashboard(stack))
    for wanted in [
        ("AWS/SQS", "ApproximateAgeOfOldestMessage"),
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible"),
        ("AWS/Lambda", "Errors"),
        ("AWS/Lambda", "Duration"),
        (OURS, "QuotaUnits"),
        (OURS, "MessagesFetched"),
        (OURS, "Parked"),
    ]:
        assert wanted in shown, wanted


def dashboard(stack):
    """Namespace and metric of every line in every widget."""
    [board] = stack.of("AWS::CloudWatch::Dashboard").values()
    for widget in json.loads(board["DashboardBody"])["widgets"]:
        before = []
        for line in widget["properties"]["metrics"]:
            if isinstance(line[0], dict):
                [found] = re.findall(r"\{([^,}]+)[,}].*?MetricName=\"(\w+)\"", line[0]["expression"])
                yield found
                continue
            before = written_out(line, before)
            yield before[0], before[1]


def written_out(line, before):
    """A line of a widget without its short forms: `.` is what stands above, `...` all of it but the last."""
    if line[0] == "...":
        line = before[: len(before) - len(line) + 1] + line[1:]
    return [above if one == "." else one for one, above in zip(line, before + line[len(before) :])]
