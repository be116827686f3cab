"""What an operator may set, and what the world can reach."""

import re

from checklist import check, each, same

PARAMETERS = """
    Schedule PollIntervalMin PollIntervalMax MaxUsersPerInvocation UserBatchSize MessageBatchSize MaxConcurrency
    AlarmEmail ConnectLinks Features ForwardTargets ResultsFormat ResultsIndex Notify NotifyFrom RulesFile
    GoogleBaseUrl GoogleSecretArn WorkspaceSecretArn WebhookSecretArn DomainName CertificateArn SubnetIds
    SecurityGroupIds Architecture
""".split()


@check("every parameter that is promised is there, with a default and a description")
def _(stack):
    parameters = stack.template["Parameters"]
    same("parameters", parameters, PARAMETERS)
    each(name for name, told in parameters.items() if "Default" not in told or not told.get("Description"))


@check("what an operator sets arrives where it is meant")
def _(stack):
    for name, values in became(stack).items():
        should = stack.parameters[name]
        each(f"{name}: {value!r}, not {should!r}" for value in values if value != should)
    for key in ("SubnetIds", "SecurityGroupIds"):
        for function, told in stack.of("AWS::Lambda::Function").items():
            assert told.get("VpcConfig", {}).get(key) == stack.given.get(key), function
    mailed = [told["Endpoint"] for told in stack.of("AWS::SNS::Subscription").values()]
    assert mailed == [stack.given[key] for key in ("AlarmEmail",) if key in stack.given], mailed


def became(stack):
    """What became of each parameter that is always used: every value that it should have set."""
    functions = stack.of("AWS::Lambda::Function")
    told = {name: one["Environment"]["Variables"] for name, one in functions.items()}
    [schedule] = stack.of("AWS::Scheduler::Schedule").values()
    sources = stack.of("AWS::Lambda::EventSourceMapping")
    jobs = [sources["UserWorkerSource"], sources["MessageProcessorSource"]]
    asking = ("UserWorker", "MessageProcessor", "OauthCallback")
    return {
        "Schedule": [schedule["ScheduleExpression"]],
        "PollIntervalMin": [told["Dispatcher"]["POLL_INTERVAL_MIN"]],
        "PollIntervalMax": [told["Dispatcher"]["POLL_INTERVAL_MAX"]],
        "MaxUsersPerInvocation": [told["Dispatcher"]["MAX_USERS_PER_INVOCATION"]],
        "UserBatchSize": [jobs[0]["BatchSize"]],
        "MessageBatchSize": [jobs[1]["BatchSize"]],
        "MaxConcurrency": [source["ScalingConfig"]["MaximumConcurrency"] for source in jobs],
        "ConnectLinks": [told["OauthCallback"]["CONNECT_LINKS"]],
        "Features": [told[name]["FEATURES"] for name in ("OauthCallback", "MessageProcessor")],
        "ForwardTargets": [told["MessageProcessor"]["FORWARD_TARGETS"]],
        "WebhookSecretArn": [told["MessageProcessor"]["WEBHOOK_SECRET_ID"]],
        "ResultsFormat": [told["MessageProcessor"]["RESULTS_FORMAT"]],
        "ResultsIndex": [told[name]["RESULTS_INDEX"] for name in ("UserWorker", "MessageProcessor")],
        "Notify": [told["DeadLetter"]["NOTIFY"]],
        "NotifyFrom": [told["DeadLetter"]["NOTIFY_FROM"]],
        "RulesFile": [told["MessageProcessor"]["RULES_FILE"]],
        "GoogleBaseUrl": [told[name]["GOOGLE_BASE_URL"] for name in asking],
        "WorkspaceSecretArn": [told["UserWorker"]["WORKSPACE_KEY"]],
        "Architecture": [one for function in functions.values() for one in function["Architectures"]],
    }


@check("the world can ask for two pages, Google can post its security events, and nothing else")
def _(stack):
    routes = stack.of("AWS::ApiGatewayV2::Route").values()
    open_ones = ["GET /oauth2/start", "GET /oauth2callback", "POST /google/risc"]
    same("routes", [route["RouteKey"] for route in routes], open_ones)
    assert len(stack.of("AWS::ApiGatewayV2::Api")) == 1
    outside = ("AWS::Lambda::Url", "AWS::ApiGateway::RestApi", "AWS::Serverless::HttpApi")
    each(name for name, type in stack.types.items() if type in outside)


@check("only the API and the schedule start functions from outside")
def _(stack):
    [permission] = stack.of("AWS::Lambda::Permission").values()
    assert permission["Principal"] == "apigateway.amazonaws.com" and permission["SourceArn"]
    assert permission["FunctionName"] == stack.ref("OauthCallback")
    [schedule] = stack.of("AWS::Scheduler::Schedule").values()
    assert schedule["Target"]["Arn"] == stack.attribute("Dispatcher", "Arn")


@check("whoever asks too often is turned away before a function runs")
def _(stack):
    [stage] = stack.of("AWS::ApiGatewayV2::Stage").values()
    limits = stage["DefaultRouteSettings"]
    assert 0 < limits["ThrottlingRateLimit"] <= limits["ThrottlingBurstLimit"] <= 100, limits


@check("the API's log tells no query and nobody's address")
def _(stack):
    [stage] = stack.of("AWS::ApiGatewayV2::Stage").values()
    told = stage["AccessLogSettings"]["Format"]
    each(word for word in ("identity", "queryString", "$context.path", "protocol", "userAgent") if word in told)


@check("the address that Google sends people back to is one that answers")
def _(stack):
    told = stack.of("AWS::Lambda::Function")["OauthCallback"]["Environment"]["Variables"]["OAUTH_REDIRECT_URI"]
    assert told == stack.outputs["RedirectUri"]
    # The links in notices lead there too.
    assert told == stack.of("AWS::Lambda::Function")["DeadLetter"]["Environment"]["Variables"]["OAUTH_REDIRECT_URI"]
    start = stack.outputs["ConnectUrl"]
    assert start.removesuffix("/oauth2/start") == told.removesuffix("/oauth2callback") and start != told
    own = stack.given.get("DomainName")
    [api] = stack.of("AWS::ApiGatewayV2::Api").values()
    assert api["DisableExecuteApiEndpoint"] is bool(own)
    assert told == f"https://{own}/oauth2callback" if own else ".execute-api." in told
    assert all("TLS_1_2" in str(domain) for domain in stack.of("AWS::ApiGatewayV2::DomainName").values())


@check("the rules are one object, which no character of its address makes into several")
def _(stack):
    pattern = re.compile(stack.template["Parameters"]["RulesFile"]["AllowedPattern"])
    for good in ("", "s3://our-rules/rules.toml", "s3://our.rules/fanmail/rules (new).toml".replace(" ", "-")):
        assert pattern.fullmatch(good), good
    each(
        bad
        for bad in ("rules.toml", "https://our-rules/x", "s3://our-rules", "s3://our-rules/", "s3://our-rules/*", "s3://our-rules/a?", "s3://our-rules/${aws:username}")
        if pattern.fullmatch(bad)
    )
