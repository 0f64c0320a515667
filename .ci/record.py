"""Fail where `make repro` left other results than those in git, unless the record of processors knows the reason."""

import subprocess
import sys
from pathlib import Path

from pipeline.cli.record import LOCKS, compare, explain, known_reason
from pipeline.runtime.processor import processor_name

RECORDED = (*LOCKS, "metrics", "plots", "reports/ccc.json")


def main() -> int:
    """Return the exit status."""
    command = ["git", "status", "--porcelain", "--", *RECORDED]
    changed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if not changed:
        print(f"== record: {processor_name()} gives the results in git, byte for byte")
        return 0
    difference = compare()
    print(changed, end="")
    if difference is None:
        print("the record in git is older than code or parameters -> make repro, look at the changes, and commit them")
        return 1
    print(explain(difference))
    return known_reason(Path(), processor_name()) is None


if __name__ == "__main__":
    sys.exit(main())
