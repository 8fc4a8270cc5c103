"""`python -m bench [NAME ...]`: runs measurements and prints their tables in Markdown."""

from __future__ import annotations

import importlib
import sys

NAMES = ("pair", "programs", "nginx", "agent", "peers", "mesh", "ingest", "als", "queries")


def main(names: list[str]) -> int:
    """Runs the named measurements, or all. Returns the exit code."""
    if unknown := [name for name in names if name not in NAMES]:
        print(f"bench: there is no {unknown[0]}; known: {', '.join(NAMES)}", file=sys.stderr)
        return 2
    for name in names or NAMES:
        module = importlib.import_module(f"bench.{name}")
        print(f"\n## {module.TITLE}\n")
        for table in module.run():
            print(table, flush=True)
            print()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
