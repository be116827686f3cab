"""ministack, enforcing IAM as AWS does.

It is on loopback, without TLS, and takes every request as one that came over TLS: so do all that clients send to AWS.

AWS has no action for a batch: who may send, publish, delete or hide one may do so with ten
(https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsqs.html). ministack asks for an action
of the operation's name, which no policy can give, because AWS would refuse it.
"""

from ministack.core import iam_actions, iam_evaluator

BATCHES = {
    "sqs:SendMessageBatch": "sqs:SendMessage",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
    "sns:PublishBatch": "sns:Publish",
}

of_operation = iam_actions.extract_iam_action


def as_aws_names_it(*request):
    action = of_operation(*request)
    return BATCHES.get(action, action)


iam_actions.extract_iam_action = as_aws_names_it

origin = iam_evaluator.pin_request_origin
iam_evaluator.pin_request_origin = lambda address, tls: origin(address, True)

from ministack.app import main  # noqa: E402

main()
