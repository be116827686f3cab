"""Checks infra/template.yaml without AWS: by cfn-lint, checkov and parliament, and for what it promises.

    target/tools/sam/bin/python infra/checks

The environments target/tools/sam and target/tools/checkov are made by ./test. One line per check, and a last line
`N passed, N failed`; the exit status is 1 if any failed.
"""

import sys
import traceback

# Nothing is left beside the sources.
sys.dont_write_bytecode = True

# Each registers its checks.
import tools
import rights
import stores
import surface
import signals
import runbook
from checklist import checks
from translation import CHOICES, stack


def failure(run, once):
    """Why a check failed, if it did."""
    for choice in list(CHOICES)[:1] if once else CHOICES:
        try:
            run(stack(choice))
        except Exception as error:  # a check may fail in any way; the others still run
            return f"with {choice}: {told(error)}"
    return None


def told(error):
    """What an error says; of one that says nothing, the line that raised it."""
    if isinstance(error, AssertionError):
        return str(error) or traceback.extract_tb(error.__traceback__)[-1].line
    return f"{type(error).__name__}: {error}"


failed = 0
for title, run, once in checks:
    why = failure(run, once)
    failed += why is not None
    print(f"ok      {title}" if why is None else f"FAILED  {title}: {why}", flush=True)
print(f"{len(checks) - failed} passed, {failed} failed")
sys.exit(1 if failed else 0)
