"""Drives Google's own Python client against a running simulator.

    FANMAIL_SIM=http://127.0.0.1:PORT python python_client.py

One line per check, and a last line `N passed, N failed`; the exit status is 1 if any failed.
"""

import base64
import json
import os
import sys
import urllib.request
from email.message import EmailMessage

from google.oauth2.credentials import Credentials
from googleapiclient.discovery import build_from_document
from googleapiclient.discovery_cache import get_static_doc
from googleapiclient.errors import HttpError
from googleapiclient.http import MediaInMemoryUpload

SIM = (sys.argv[1] if len(sys.argv) > 1 else os.environ.get("FANMAIL_SIM", "")).rstrip("/")
EMAIL = f"python-client-{os.getpid()}@example.com"
FORMATS = ("minimal", "metadata", "full", "raw")

checks = []


def check(title):
    """Registers a check; what it raises is why it failed."""

    def keep(run):
        checks.append((title, run))
        return run

    return keep


def admin(path, body):
    request = urllib.request.Request(f"{SIM}/admin/{path}", data=json.dumps(body).encode(), method="POST")
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def mail(subject, text="Hello"):
    message = EmailMessage()
    message["From"] = "friend@example.net"
    message["To"] = EMAIL
    message["Subject"] = subject
    message.set_content(text)
    message.add_attachment(b"\x00\x01\x02", maintype="application", subtype="octet-stream", filename="a.bin")
    return message.as_bytes()


def encoded(raw):
    return base64.urlsafe_b64encode(raw).decode()


def deliver(subject):
    return admin("deliver", {"email": EMAIL, "raw": encoded(mail(subject))})["id"]


def connect():
    """Google's client, built from Google's own description with nothing changed but the address."""
    admin("mailboxes", {"email": EMAIL, "name": "Python Client"})
    token = admin("token", {"email": EMAIL})["access_token"]
    description = get_static_doc("gmail", "v1").replace("https://gmail.googleapis.com/", f"{SIM}/")
    return build_from_document(description, credentials=Credentials(token))


def refused(status, request):
    try:
        request.execute()
    except HttpError as error:
        assert error.resp.status == status, f"{error.resp.status} instead of {status}"
        assert error.error_details, "Google's client finds no reason in the answer"
        return
    raise AssertionError(f"no {status}")


@check("the profile names the mailbox")
def _(users):
    profile = users.getProfile(userId="me").execute()
    assert profile["emailAddress"] == EMAIL and profile["historyId"].isdigit()


@check("a list finds what was delivered, page by page")
def _(users):
    ids = {deliver(f"listed {n}") for n in range(5)}
    request, found = users.messages().list(userId="me", q="subject:listed", maxResults=2), []
    while request is not None:
        answer = request.execute()
        found += [message["id"] for message in answer["messages"]]
        request = users.messages().list_next(request, answer)
    assert set(found) == ids and len(found) == 5


for wanted in FORMATS:

    @check(f"a message is got in format {wanted}")
    def _(users, wanted=wanted):
        original = mail("formats")
        id = admin("deliver", {"email": EMAIL, "raw": encoded(original)})["id"]
        message = users.messages().get(userId="me", id=id, format=wanted).execute()
        assert message["labelIds"] == ["INBOX", "UNREAD"] and message["internalDate"].isdigit()
        assert ("payload" in message) == (wanted in ("metadata", "full"))
        assert message.get("raw") == (encoded(original) if wanted == "raw" else None)


@check("an attachment is fetched by its id")
def _(users):
    id = deliver("attached")
    parts = users.messages().get(userId="me", id=id).execute()["payload"]["parts"]
    attachment = next(part for part in parts if part["filename"] == "a.bin")["body"]["attachmentId"]
    body = users.messages().attachments().get(userId="me", messageId=id, id=attachment).execute()
    assert base64.urlsafe_b64decode(body["data"]) == b"\x00\x01\x02" and body["size"] == 3


@check("history tells what came since")
def _(users):
    start = users.getProfile(userId="me").execute()["historyId"]
    id = deliver("history")
    answer = users.history().list(userId="me", startHistoryId=start, historyTypes=["messageAdded"]).execute()
    added = [one["message"]["id"] for record in answer["history"] for one in record["messagesAdded"]]
    assert added == [id] and int(answer["historyId"]) > int(start)


@check("labels are made, put on and taken off")
def _(users):
    label = users.labels().create(userId="me", body={"name": f"made {deliver('x')}"}).execute()
    assert label["id"] in [one["id"] for one in users.labels().list(userId="me").execute()["labels"]]
    body = {"addLabelIds": [label["id"]], "removeLabelIds": ["UNREAD"]}
    changed = users.messages().modify(userId="me", id=deliver("labelled"), body=body).execute()
    assert changed["labelIds"] == ["INBOX", label["id"]]


@check("a message is sent and arrives")
def _(users):
    sent = users.messages().send(userId="me", body={"raw": encoded(mail("sent to myself"))}).execute()
    assert sorted(sent["labelIds"]) == ["INBOX", "SENT", "UNREAD"]


@check("a message is inserted as an upload")
def _(users):
    media = MediaInMemoryUpload(mail("uploaded"), mimetype="message/rfc822")
    inserted = users.messages().insert(userId="me", body={"labelIds": ["STARRED"]}, media_body=media).execute()
    assert inserted["labelIds"] == ["STARRED"]


@check("a batch answers each of its calls")
def _(users):
    answers = {}
    batch = GMAIL.new_batch_http_request(callback=lambda id, answer, error: answers.update({id: answer or error}))
    ids = [deliver(f"batch {n}") for n in range(3)]
    for n, id in enumerate(ids):
        batch.add(users.messages().get(userId="me", id=id, format="minimal"), request_id=f"n{n}")
    batch.add(users.messages().get(userId="me", id="0000000000000001"), request_id="missing")
    batch.execute()
    assert [answers[f"n{n}"]["id"] for n in range(3)] == ids
    assert answers["missing"].resp.status == 404


@check("a watch says until when, and is stopped")
def _(users):
    answer = users.watch(userId="me", body={"topicName": "projects/p/topics/t"}).execute()
    assert answer["expiration"].isdigit()
    users.stop(userId="me").execute()


@check("a message that is not there is a 404")
def _(users):
    refused(404, users.messages().get(userId="me", id="0000000000000001"))


@check("history that is forgotten is a 404")
def _(users):
    start = users.getProfile(userId="me").execute()["historyId"]
    admin("expire", {"email": EMAIL})
    refused(404, users.history().list(userId="me", startHistoryId=start))


@check("a search with an unknown operator is a 400")
def _(users):
    refused(400, users.messages().list(userId="me", q="form:friend"))


GMAIL = connect()
failed = 0
for title, run in checks:
    try:
        run(GMAIL.users())
        print(f"ok      {title}")
    except Exception as error:  # a check may fail in any way; the others still run
        failed += 1
        print(f"FAILED  {title}: {type(error).__name__}: {error}")
print(f"{len(checks) - failed} passed, {failed} failed")
sys.exit(1 if failed else 0)
