"""Does the table of kernels show what failed, and the guard what became dearer?"""

import json
from pathlib import Path

from tests.kernels import instructions, table
from tests.kernels.guest import question
from tests.kernels.table import Result

EXACT = "Are bytes exact?"
RESULTS = [
    Result("6.1", EXACT, "test_send[L1]", "L1", "passed", "", 1.0),
    Result("6.1", EXACT, "test_recv[L1]", "L1", "failed", "assert 22 == 23", 1.0),
    Result("6.1", EXACT, "test_send[L4]", "L4", "passed", "", 1.0),
    Result("6.1", EXACT, "test_send[L2]", "L2", "skipped", "not supported, because no such hook", 0.0),
    Result("7.3", EXACT, "test_send[L1]", "L1", "passed", "", 1.0),
    Result("7.3", "Do processes come and go?", "test_fork", None, "passed", "", 1.0),
]


def figures(counts: float) -> instructions.Figures:
    added = {"pair": counts, "getppid": 0.0}
    return {"L1": {name: added for name in ("counts", "times", "untraced")}}


def test_one_failure_among_those_that_held_is_what_the_cell_says() -> None:
    head, exact, processes = table.rows(RESULTS, ["6.1", "7.3"])
    assert head == ["", "6.1 L1", "6.1 L4", "7.3 L1"]
    assert exact == [EXACT, "FAILED 1 of 2", "held (1)", "held (1)"]
    assert processes[1:] == ["", "", "held (1)"]


def test_a_rung_that_no_test_ran_on_is_a_failure() -> None:
    here = [result for result in RESULTS if result.kernel == "6.1"]
    assert table.gone("6.1", here) == ["6.1 L3: no test ran: none chosen"]
    skipped = Result("6.1", EXACT, "test_send[L3]", "L3", "skipped", "the verifier refuses", 0.0)
    assert table.gone("6.1", [*here, skipped]) == ["6.1 L3: no test ran: the verifier refuses"]


def test_each_reason_stands_beside_where_it_applies() -> None:
    assert table.notes(RESULTS) == [
        "6.1 L1: test_recv FAILED: assert 22 == 23",
        "6.1 L2: not supported, because no such hook",
    ]


def test_a_ledger_that_a_panic_cut_off_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    entry: dict[str, object] = {"question": EXACT, "test": "test_send", "rung": None}
    entry |= {"outcome": "passed", "reason": "", "seconds": 1.0}
    entry["ways"] = [["send", "L1", [["exact", ""], ["no reads", "no hook"], ["exact", ""]]]]
    (tmp_path / "tests.jsonl").write_text(json.dumps(entry) + "\n" + json.dumps(entry)[:30])
    assert len(table.read("6.1", tmp_path / "tests.jsonl")) == 1
    assert table.read("6.1", tmp_path / "absent") == []
    lines, reasons = table.way_rows(table.ways("6.1", tmp_path / "tests.jsonl"), ["6.1"])
    assert lines == [["", "6.1 L1"], ["send", "calls: no reads [1]"]]
    assert reasons == ["no hook"]


def test_six_percent_more_instructions_are_a_regression_and_four_are_none() -> None:
    assert instructions.regressions("6.1", figures(1040), figures(1000)) == []
    assert instructions.regressions("6.1", figures(1060), figures(1000)) == [
        f"6.1 L1, {name}, pair: +1060 instructions, accepted +1000" for name in ("counts", "times", "untraced")
    ]


def test_a_rung_that_is_gone_or_new_is_no_silence() -> None:
    assert instructions.regressions("6.1", {}, figures(1000)) == ["6.1 L1: could not be measured any more"]
    assert len(instructions.regressions("6.1", figures(1000), {})) == 6
    assert instructions.regressions("6.1", figures(1000), None) != []


def test_a_tests_file_is_asked_for_its_question(tmp_path: Path) -> None:
    (tmp_path / "test_x.py").write_text('"""Are bytes exact?\n\nMore words."""\n')
    assert question(tmp_path / "test_x.py") == EXACT
