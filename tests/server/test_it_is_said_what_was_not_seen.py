"""Does an answer say what was not seen and why, and nothing where all was?"""

from __future__ import annotations

from typing import Any

import pytest

from hopscope.server.analysis.missing import missing

WHOLE: dict[str, Any] = {
    "seconds_asked": 60, "seconds_recorded": 60.0, "gaps": [], "amounts": {}, "state": None, "unknown_rows": 0,
}  # fmt: skip
FULL = {"cause": "the queue was full"}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({}, []),
        ({"seconds_recorded": 57.2}, []),
        ({"seconds_recorded": 40.0}, ["40 of 60 seconds were recorded: its agent did not report"]),
        (
            {"seconds_recorded": 40.0, "gaps": [FULL, FULL]},
            ["40 of 60 seconds were recorded: the queue was full"],
        ),
        (
            {"seconds_recorded": 10.0, "amounts": {"seconds.asked": 59.0}},
            ["10 of 60 seconds were recorded: nobody asked for more"],
        ),
        ({"state": {"connections": {"own_slot": 7, "all": 7}, "not_traced": {}}}, []),
        (
            {"state": {"connections": {"own_slot": 7, "all": 9}}},
            ["7 of 9 connections are in detail, the others in sums of their processes"],
        ),
        ({"state": {"not_traced": {"envoy 7": "it is gone"}}}, ["envoy 7 is not traced: it is gone"]),
        ({"state": {"warnings": ["the file is gone"]}}, ["the file is gone"]),
        ({"amounts": {"lost.ring": 3.0, "lost.rows": 0.0, "lost.missed_hits": 2.0}}, ["lost: missed hits 2, ring 3"]),
        (
            {"amounts": {"over_limit.rows": 70.0, "over_limit.lines": 7.0, "over_limit.labels": 0.0}},
            ["70 rows were left out: more lines or labels than one agent may tell of in an hour"],
        ),
        ({"unknown_rows": 3}, ["3 rows have no name here: the agent is newer"]),
        (
            {"amounts": {"peers_aggregated": 8.0}},
            ["8 connections had peers beyond the limit of their process and are counted by network"],
        ),
    ],
)
def test_each_thing_that_was_not_seen_is_a_sentence(row: dict[str, Any], said: list[str]) -> None:
    assert missing({**WHOLE, **row}, 3.0) == said


def test_only_the_newest_seconds_may_still_come() -> None:
    row = {**WHOLE, "seconds_recorded": 57.2}
    assert missing(row, 3.0) == []
    assert missing(row, 0.0) == ["57 of 60 seconds were recorded: its agent did not report"]
