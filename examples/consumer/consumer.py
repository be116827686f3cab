#!/usr/bin/env python3
"""An example consumer: it subscribes to some categories of mail, sees each message once, and fetches its result.

    python3 consumer.py --topic ARN --bucket NAME --category bounce --category report

It needs boto3. Standard output gets one JSON object per message. The same in Rust stands beside it.
"""

import argparse
import gzip
import hashlib
import json
import os
import sys

import boto3


class Seen:
    """Which events were seen: at least once is what is promised, and an id is the same each time.

    A consumer with a database keeps the ids there, and notes one in the transaction that does the work.
    """

    def __init__(self, path):
        self.file = open(path, "a+", encoding="ascii")
        self.file.seek(0)
        self.ids = set(self.file.read().split())

    def note(self, event_id):
        self.file.write(event_id + "\n")
        self.file.flush()
        os.fsync(self.file.fileno())
        self.ids.add(event_id)


def subscribe(name, topic, categories):
    """Makes the queue, and has SNS send it what the filter lets through. To do it again changes nothing."""
    sqs, sns = boto3.client("sqs"), boto3.client("sns")
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "sns.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": arn,
                "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
            }
        ],
    }
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": json.dumps(policy)})
    subscription = sns.subscribe(
        TopicArn=topic,
        Protocol="sqs",
        Endpoint=arn,
        ReturnSubscriptionArn=True,
        # Raw: the record's body is the event, not SNS's envelope around it.
        Attributes={"RawMessageDelivery": "true"},
    )["SubscriptionArn"]
    # What is filtered out neither reaches the queue nor is paid for.
    wanted = {"type": ["fanmail.message.processed.v1"]}
    if categories:
        wanted["category"] = categories
    sns.set_subscription_attributes(
        SubscriptionArn=subscription, AttributeName="FilterPolicy", AttributeValue=json.dumps(wanted)
    )
    return queue


def fetch(bucket, key):
    """The bytes of a result; None when the mailbox has been purged since."""
    s3 = boto3.client("s3")
    try:
        return s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except s3.exceptions.NoSuchKey:
        return None


def current(event, data):
    """The result that an event is about; None where a later judgement, with an event of its own, has taken its place."""
    line = event["data"]["result"].get("line")
    if line is not None:
        # A pack: gzip, and the result is one of its lines.
        data = gzip.decompress(data).split(b"\n")[line]
    result = json.loads(data)
    if result["generation"] > event["data"]["generation"]:
        return None
    if hashlib.sha256(data).hexdigest() != event["data"]["result"]["sha256"]:
        raise ValueError("a result is not the one that was announced")
    return result


def take(event, bucket, seen):
    """Does what is to be done about one event, and notes it."""
    if event["id"] in seen.ids:
        return
    data = fetch(bucket, event["data"]["result"]["key"])
    result = current(event, data) if data is not None else None
    if result is not None:
        # The work of this example: to say what a message is, and why.
        told = {name: result[name] for name in ("messageId", "category", "reasons", "labels")}
        print(json.dumps({"event": event["id"], **told}), flush=True)
    seen.note(event["id"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--topic", metavar="ARN", required=True, help="the stack's output EventsTopicArn")
    parser.add_argument("--bucket", metavar="NAME", required=True, help="the stack's output ResultsBucket")
    parser.add_argument("--queue", metavar="NAME", default="fanmail-consumer", help="the name of this consumer's queue")
    parser.add_argument("--category", metavar="CATEGORY", action="append", help="subscribe to this category")
    parser.add_argument("--seen", metavar="FILE", default="seen-events", help="where it notes what it has seen")
    parser.add_argument("--idle", metavar="N", type=int, help="end after so many empty looks at the queue")
    args = parser.parse_args()
    queue = subscribe(args.queue, args.topic, args.category)
    seen = Seen(args.seen)
    print(f"Subscribed; {len(seen.ids)} events were seen before", file=sys.stderr, flush=True)
    sqs, empty = boto3.client("sqs"), 0
    while empty != args.idle:
        received = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=2)
        records = received.get("Messages", [])
        empty = 0 if records else empty + 1
        for record in records:
            # One that fails is shown again by the queue, and its dead-letter queue is the place for one that always does.
            try:
                take(json.loads(record["Body"]), args.bucket, seen)
            except Exception as error:
                print(f"An event was not taken: {error!r}", file=sys.stderr, flush=True)
                continue
            # Deleted last: a crash before repeats the work and loses none.
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=record["ReceiptHandle"])


if __name__ == "__main__":
    main()
