"""Tokens that the embedded engine noted of inserts that it did not finish.

MergeTree writes a token into its deduplication log and then gives the part its name (ClickHouse 26.9, by its system
calls). Whoever is killed in between has a token and no rows, and the same insert, sent again, would count as done.
"""

from __future__ import annotations

import fcntl
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from hopscope.server.storage.store import StoreError

_ADD, _DROP = "1", "2"
_LATEST = 200
"""Entries of a log that are looked at: more than one can be unfinished only where several inserts were under way."""
_Range = tuple[int, int]


def forget_unfinished(store: Path) -> int:
    """Takes back the tokens of parts that are not there, before the engine opens the directory; returns how many.

    Only of a directory whose owner was killed: one that ended takes its lock away, and one that lives holds it. A token
    of a part that was dropped since may go, too: nobody sends that again. Raises StoreError.
    """
    try:
        with (store / "status").open("r+b") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return sum(_forget(logs) for logs in store.glob("store/*/*/deduplication_logs"))
    except (FileNotFoundError, BlockingIOError):
        return 0
    except OSError as error:
        raise StoreError(f"cannot look for tokens in {store}: {error}") from error


def _forget(logs: Path) -> int:
    try:
        log = max(logs.glob("deduplication_log_*.txt"), key=_number, default=None)
        if log is None:
            return 0
        entries = [line.split("\t") for line in log.read_text().splitlines()[-_LATEST:]]
        noted: dict[str, str] = {}
        for operation, part, token in (entry for entry in entries if len(entry) == 3):
            if operation == _ADD:
                noted[token] = part
            else:
                noted.pop(token, None)
        there = _ranges(logs.parent)
        gone = [(part, token) for token, part in noted.items() if not _is_in(part, there)]
        if gone:
            with log.open("a") as file:
                file.writelines(f"{_DROP}\t{part}\t{token}\n" for part, token in gone)
        return len(gone)
    except (OSError, ValueError) as error:
        raise StoreError(f"cannot read the tokens in {logs}: {error}") from error


def _number(log: Path) -> int:
    return int(log.stem.rpartition("_")[2])


def _ranges(table: Path) -> dict[str, list[_Range]]:
    """The blocks that the parts of a table hold, by partition: a merged one holds those of the parts it was made of."""
    found: dict[str, list[_Range]] = defaultdict(list)
    for entry in table.iterdir():
        for partition, first, last in _named(entry.name):
            found[partition].append((first, last))
    return found


def _is_in(part: str, there: dict[str, list[_Range]]) -> bool:
    return any(
        held_first <= first and last <= held_last
        for partition, first, last in _named(part)
        for held_first, held_last in there.get(partition, ())
    )


def _named(name: str) -> Iterator[tuple[str, int, int]]:
    """Partition, first and last block of PARTITION_FIRST_LAST_LEVEL[_MUTATION]; nothing of other names."""
    words = name.split("_")
    if len(words) in (4, 5) and words[0] != "tmp" and all(word.isdecimal() for word in words[1:]):
        yield words[0], int(words[1]), int(words[2])
