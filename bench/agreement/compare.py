"""Compares Fanmail's results with what two of three parsers agree on, field by field and message by message."""

import json
import re
import sys
import unicodedata
from collections import Counter, defaultdict
from datetime import datetime
from pathlib import Path

FIELDS = ["subject", "from", "to", "date", "attachments"]

# At least so many messages in a hundred, in all fields that two of three agree on.
FIGURES = {"ordinary": 99.0, "odd": 92.0}

# What Fanmail keeps of a value; the result's contract.
WORDS, ADDRESS, ADDRESSES, FILENAME = 1_000, 320, 500, 200


def words(text):
    """One line of text: spaces folded, control characters and marks of the byte order gone, accents composed."""
    text = unicodedata.normalize("NFC", text or "")
    text = "".join(" " if c.isspace() or unicodedata.category(c) == "Cc" else c for c in text)
    return re.sub(" +", " ", text).strip()[:WORDS].rstrip()


def address(text):
    """The domain in lower case and in its ASCII form: both forms are the same domain."""
    local, at, domain = words(text).rpartition("@")
    try:
        domain = domain.encode("idna").decode()
    except UnicodeError:
        pass
    return (local + at + domain.lower())[:ADDRESS]


def addresses(found):
    pairs = [(words(name), address(spec)) for name, spec in found]
    return [pair for pair in pairs if any(pair)][:ADDRESSES]


def filenames(names):
    """What stands after the last slash, without what steers a terminal, in any order."""
    kept = []
    for name in names:
        name = re.split(r"[/\\]", words(name))[-1]
        name = "".join(c for c in name if c not in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
        kept.append(name[:FILENAME].strip())
    return sorted(name for name in kept if name not in ("", ".", ".."))


def date(instant):
    return None if instant is None else int(instant // 1)


NORMAL = {"subject": words, "from": addresses, "to": addresses, "date": date, "attachments": filenames}


def lines(path):
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def votes(path):
    """By message and field what a parser says. What it could not decode, by its own mark for that, is no vote."""
    said = defaultdict(dict)
    for line in lines(path):
        for name in FIELDS:
            if "is" in line.get(name, {}):
                value = NORMAL[name](line[name]["is"])
                if not re.search(r"\ufffd|\\ud[89a-f]", str(value)):
                    said[line["path"]][name] = value
    return said


def fanmail(path, folder):
    said = {}
    for line in lines(path):
        headers = line["headers"]
        pair = lambda one: [one["name"], one["address"]]
        moment = headers["date"] and datetime.fromisoformat(headers["date"]).timestamp()
        named = [file["filename"] for file in line["attachments"] if file["filename"]]
        given = {
            "subject": headers["subject"],
            "from": [pair(headers["from"])] if headers["from"] else [],
            "to": [pair(one) for one in headers["to"]],
            "date": moment,
            "attachments": named,
        }
        at = str(Path(line["path"]).resolve().relative_to(folder))
        said[at] = {name: NORMAL[name](given[name]) for name in FIELDS}
    return said


def agreed(said):
    """What at least two say, in a list; an empty one where they do not agree."""
    for at, value in enumerate(said):
        if value in said[at + 1 :]:
            return [value]
    return []


def same(name, ours, theirs, all_votes):
    """Whether ours is what is agreed on, and whether only so because a comment counts as a name.

    `a@example.com (Sam)`: what a comment means RFC 5322 leaves open (section 3.4). Ours is taken for the same where the
    majority gives no name, and the third parser gives the very one that we do.
    """
    if ours == theirs:
        return True, False
    if name not in ("from", "to") or ours not in all_votes or len(ours) != len(theirs):
        return False, False
    named = all(a[1] == b[1] and (a[0] == b[0] or not b[0]) for a, b in zip(ours, theirs))
    return named, named


def main(folder, results, *rest):
    show = "--show" in rest
    parsers = {Path(path).stem: votes(path) for path in rest if path != "--show"}
    ours = fanmail(results, folder)
    known = {at for parser in parsers.values() for at in parser}
    tally = {group: Counter() for group in FIGURES}
    for at in sorted(known):
        group = "odd" if at.startswith("odd/") else "ordinary"
        count, wrong = tally[group], False
        for name in FIELDS:
            said = {who: parser[at][name] for who, parser in parsers.items() if name in parser[at]}
            for value in agreed(list(said.values())):
                right, commented = same(name, ours[at][name], value, said.values()) if at in ours else (False, False)
                count[name, right] += 1
                count["commented"] += commented
                wrong |= not right
                if show and not right:
                    print(f"{at}: {name}\n    fanmail: {ours.get(at, {}).get(name)!r}")
                    for who, one in said.items():
                        print(f"    {who}: {one!r}{'' if one == value else '   (alone)'}")
        count["messages", not wrong] += 1
    sys.exit(report(tally, missing=known - ours.keys()))


def share(count, what):
    tried = count[what, True] + count[what, False]
    return tried, 100 * count[what, True] / tried if tried else 0.0


def report(tally, missing):
    """Prints everything, and judges a collection that keeps its odd mail apart: elsewhere ordinary mail is not known."""
    passed = failed = 0
    judged = all(share(tally[group], "messages")[0] for group in FIGURES)
    for group, least in FIGURES.items():
        count = tally[group]
        tried, percent = share(count, "messages")
        if not tried:
            continue
        for name in FIELDS:
            agreed_on, same_in = share(count, name)
            print(f"{group}: {name} agrees in {same_in:.2f} % of {agreed_on} messages with a majority")
        print(f"{group}: {count['commented']} of from and to have a name from a comment, as one parser reads it")
        told = f"figure {group} mail, all fields as two of three read them: {percent:.2f} % of {tried}"
        if judged:
            kept = percent >= least
            passed, failed = passed + kept, failed + (not kept)
            print(f"{told}, at least {least:.0f} %: {'kept' if kept else 'NOT KEPT'}")
        else:
            print(told)
    print(f"figure messages without a result: {len(missing)}, at most 0: {'NOT KEPT' if missing else 'kept'}")
    passed, failed = passed + (not missing), failed + bool(missing)
    print(f"{passed} passed, {failed} failed")
    return failed > 0


main(*sys.argv[1:])
