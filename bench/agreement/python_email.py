"""What Python's email, with its modern policy, reads from each message."""

import datetime
from email import message_from_bytes, policy

from messages import field, told


def read(raw):
    message = message_from_bytes(raw, policy=policy.default)
    return {
        "subject": field(lambda: text(message["subject"])),
        "from": field(lambda: addresses(message.get_all("from", []))[:1]),
        "to": field(lambda: addresses(message.get_all("to", []))),
        "date": field(lambda: instant(message["date"])),
        "attachments": field(lambda: [name for part in leaves(message) if (name := part.get_filename())]),
    }


def text(value):
    return None if value is None else str(value)


def addresses(fields):
    return [[one.display_name, one.addr_spec] for field in fields for one in field.addresses]


def instant(value):
    moment = value.datetime if value is not None else None
    if moment is not None and moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.timezone.utc)
    return None if moment is None else moment.timestamp()


def leaves(part):
    """The parts that hold something. An attached message is one of them, and what is within it is not."""
    if part.get_content_maintype() == "multipart" and part.is_multipart():
        for inner in part.iter_parts():
            yield from leaves(inner)
    else:
        yield part


told(read)
