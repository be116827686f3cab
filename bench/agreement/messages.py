"""The messages of a folder, and one line of JSON for what a parser says about each."""

import json
import sys
import warnings
from pathlib import Path


def told(read):
    """Prints what `read` makes of each message; a parser that fails has no vote on that message."""
    warnings.simplefilter("ignore")
    folder = Path(sys.argv[1])
    for path in sorted(folder.rglob("*.eml")):
        try:
            said = read(path.read_bytes())
        except Exception as error:  # noqa: BLE001 – any failure is the parser's
            said = {"failed": type(error).__name__}
        print(json.dumps({"path": str(path.relative_to(folder)), **said}))


def field(read):
    """A value, or none where the parser fails on this field alone: then it has no vote on it."""
    try:
        return {"is": read()}
    except Exception as error:  # noqa: BLE001
        return {"failed": type(error).__name__}
