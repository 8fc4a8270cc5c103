"""Is a task's state the same whoever folds its events, in whichever order?"""

from __future__ import annotations

import itertools

import pytest

from hopscope.server.analysis.entities import Name
from hopscope.server.analysis.tasks import Event, Kind, Rule, body, checked_rules, checked_seconds, fold

POD, OTHER = Name("reviews", "reviews-v1"), Name("reviews", "reviews-v2")
SECOND = 1000


def event(at: int, task: int, kind: Kind, name: Name = POD, host: int = 0, **said: object) -> Event:
    return Event(at, task, kind, host, f"who-{task}", name, body(**said))


def created(at: int, task: int, seconds: int = 60, name: Name = POD) -> Event:
    return event(at, task, "created", name, seconds=seconds, rules=[])


def states(events: list[Event], now: int) -> dict[int, str]:
    return {number: task.state(now) for number, task in fold(events).items()}


def test_a_life() -> None:
    events = [
        created(0, 1),
        event(900, 1, "traced", host=7, since=800, processes=3, not_traced=[["java", "no permission"]]),
        event(1000, 1, "traced", host=8, since=0, processes=0, not_traced=[]),
        event(30 * SECOND, 1, "extended", seconds=60),
        event(100 * SECOND, 1, "stopped"),
        event(101 * SECOND, 1, "extended", seconds=60),
        event(102 * SECOND, 1, "stopped"),
    ]
    for order in itertools.permutations(events):
        (task,) = fold([*order, *order]).values()
        assert [task.state(at * SECOND) for at in (0, 1, 99, 100, 9999)] == ["running"] * 3 + ["stopped"] * 2
        assert (task.ends, task.ended, task.seconds, task.stopped_by) == (120 * SECOND, 100 * SECOND, 120, "who-1")
        assert task.traced_at == 800 and task.traced[7].not_traced == (("java", "no permission"),)
        assert [it.kind for it in task.events] == ["created", "traced", "traced", "extended", "stopped"]
        assert not task.runs(100 * SECOND) and task.runs(99 * SECOND)


def test_it_waits_until_an_agent_traces_and_ends_in_time() -> None:
    events = [created(0, 1), event(10, 1, "traced", host=7, since=0, processes=0, not_traced=[])]
    assert [states(events, at)[1] for at in (0, 59_999, 60_000)] == ["waiting", "waiting", "finished"]


def test_the_first_moment_of_tracing_counts() -> None:
    reports = [(100, 90), (200, 0), (300, 290)]
    events = [event(at, 1, "traced", host=7, since=since, processes=1, not_traced=[]) for at, since in reports]
    assert fold([created(0, 1), *events])[1].traced_at == 90


def test_of_two_the_earlier_wins() -> None:
    both = [created(10, 2), created(5, 3)]
    for events in (both, both[::-1]):
        found = fold(events)
        assert (found[3].refused, found[2].state(20)) == (None, "refused")
        assert "who-3 profiles this instance already" in (found[2].refused or "")
    assert states([created(5, 3), created(5, 2)], 6) == {2: "waiting", 3: "refused"}


def test_a_refused_one_keeps_nobody_out() -> None:
    events = [created(0, 1, 10), created(1, 2, 999), created(20 * SECOND, 3)]
    assert states(events, 21 * SECOND) == {1: "finished", 2: "refused", 3: "waiting"}


def test_after_a_stop_the_next_may_begin_and_other_instances_always() -> None:
    events = [created(0, 1), event(50, 1, "stopped"), created(51, 2), created(52, 3, name=OTHER)]
    assert states(events, 60) == {1: "stopped", 2: "waiting", 3: "waiting"}


def test_an_extension_that_overlaps_makes_the_later_refused() -> None:
    late = [created(0, 1), created(61 * SECOND, 2)]
    assert states(late, 62 * SECOND)[2] == "waiting"
    # Another server had prolonged the first before it ended.
    assert states([*late, event(59 * SECOND, 1, "extended", seconds=60)], 62 * SECOND) == {1: "waiting", 2: "refused"}


def test_rules() -> None:
    given = {"path": "/api/.*", "min_duration_ms": 100, "status4xx": True, "status5xx": None}
    assert checked_rules([given]) == (Rule("/api/.*", 100, True, False),)


@pytest.mark.parametrize(
    ("rules", "why"),
    [
        ([{"path": "a"}, {"path": "/api/(.*"}], "rule 2: the path is no regular expression: missing ), unterminated"),
        ([{"path": "/api/(.*"}], "at 5"),
        ([{"path": "x" * 513}], "rule 1: a path of 513 characters"),
        ([{"min_duration_ms": -1}], "rule 1: a duration of -1 ms"),
        ([{"path": str(number)} for number in range(9)], "9 rules; a task has at most 8"),
        ([{"path": "a"}, {"path": "a"}], "rule 2 is the same as rule 1"),
    ],
)
def test_a_bad_rule_is_named(rules: list[dict[str, object]], why: str) -> None:
    with pytest.raises(ValueError, match=why.replace("(", "\\(").replace(")", "\\)")):
        checked_rules(rules)


@pytest.mark.parametrize("seconds", [-5, 0, 4, 86_401])
def test_a_bad_duration_is_refused(seconds: int) -> None:
    with pytest.raises(ValueError, match="from 5 s to 24 h"):
        checked_seconds(seconds)
