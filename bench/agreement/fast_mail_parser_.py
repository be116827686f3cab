"""What fast-mail-parser reads from each message."""

from fast_mail_parser import parse_email

from messages import field, told


def read(raw):
    mail = parse_email(raw)
    return {
        "subject": field(lambda: mail.subject),
        "from": field(lambda: addresses([mail.from_] if mail.from_ else [])),
        "to": field(lambda: addresses(mail.to)),
        "date": field(lambda: mail.date_parsed.timestamp() if mail.date_parsed else None),
        "attachments": field(lambda: [part.filename for part in mail.attachments if part.filename]),
    }


def addresses(found):
    return [[one.display_name, one.address] for one in found]


told(read)
