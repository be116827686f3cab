"""Reads the built functions as Lambda's runtime would: for the right machine, asking glibc for nothing that is not there.

    python infra/binaries.py FOLDER MACHINE      such as target/lambda x86_64

One line per check, and a last line `N passed, N failed`; the exit status is 1 if any failed.
"""

import sys
from pathlib import Path

from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerNeedSection

FUNCTIONS = ("dispatcher", "user-worker", "message-processor", "dead-letter", "oauth-callback")
MACHINES = {"x86_64": "EM_X86_64", "arm64": "EM_AARCH64"}

# provided.al2023 is Amazon Linux 2023 (https://docs.aws.amazon.com/linux/al2023/ug/compare-with-al2.html).
GLIBC = (2, 34)


def asked_of_glibc(elf):
    """The versions of glibc that symbols are bound to, such as (2, 17)."""
    for section in elf.iter_sections():
        if isinstance(section, GNUVerNeedSection):
            for _, versions in section.iter_versions():
                for version in versions:
                    if version.name.startswith("GLIBC_2"):
                        yield tuple(int(part) for part in version.name.removeprefix("GLIBC_").split("."))


def look_at(path, machine):
    with path.open("rb") as file:
        elf = ELFFile(file)
        assert elf["e_machine"] == MACHINES[machine], f"it is for {elf['e_machine']}"
        assert elf.get_section_by_name(".symtab") is None, "it is not stripped"
        asked = sorted(set(asked_of_glibc(elf)))
        assert asked, "it names no version of glibc, so nothing can be said of it"
        assert asked[-1] <= GLIBC, f"it asks for glibc {asked[-1]}, and there is {GLIBC}"
        return f"glibc {'.'.join(map(str, asked[-1]))} at most, {path.stat().st_size / 1e6:.1f} MB"


folder, machine = Path(sys.argv[1]), sys.argv[2]
failed = 0
for name in FUNCTIONS:
    try:
        print(f"ok      {name} starts on {machine} with glibc 2.34: {look_at(folder / name / 'bootstrap', machine)}")
    except Exception as error:  # a check may fail in any way; the others still run
        failed += 1
        print(f"FAILED  {name} starts on {machine} with glibc 2.34: {type(error).__name__}: {error}")
print(f"{len(FUNCTIONS) - failed} passed, {failed} failed")
sys.exit(1 if failed else 0)
