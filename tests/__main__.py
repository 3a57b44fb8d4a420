"""
The one test command: format, lint, types, documentation, tests.

    python -m tests [arguments of pytest]
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
CHECKS = {
    "format": ["-m", "ruff", "format", "--check", "."],
    "lint": ["-m", "ruff", "check", "."],
    "types": ["-m", "mypy"],
    "documentation": ["-m", "bridge.cli", "docs"],
    "mappings and fixtures": ["-m", "bridge.cli", "check", "--fixtures"],
    "tests": ["-m", "pytest", "-n", "auto", *sys.argv[1:]],
}


def main() -> int:
    """Run every check, also after one has failed; the exit code is 0 when none did."""
    failed = []
    for name, arguments in CHECKS.items():
        print(f"== {name}", flush=True)
        began = time.monotonic()
        done = subprocess.run([sys.executable, *arguments], cwd=ROOT, check=False)
        print(f"   {time.monotonic() - began:.0f} s", flush=True)
        if done.returncode:
            failed.append(name)
    print(f"failed: {', '.join(failed)}" if failed else "all checks passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
