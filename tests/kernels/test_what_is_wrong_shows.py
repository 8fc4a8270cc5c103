"""Does the table of kernels show what failed, and the guard what became dearer?"""

import json
from pathlib import Path

from tests.kernels import instructions, ledger, record, table
from tests.kernels.guest import question
from tests.kernels.ledger import Result

EXACT = "Are bytes exact?"
RESULTS = [
    Result(EXACT, "test_send[L1]", "L1", "passed", ""),
    Result(EXACT, "test_recv[L1]", "L1", "failed", "assert 22 == 23"),
    Result(EXACT, "test_send[L4]", "L4", "passed", ""),
    Result(EXACT, "test_send[L2]", "L2", "skipped", "L2: no such hook"),
    Result("Do processes come and go?", "test_fork", None, "passed", ""),
]
ANSWERS = ledger.answers(RESULTS)


def figures(counts: float) -> instructions.Figures:
    added = {"pair": counts, "getppid": 0.0}
    return {"L1": {name: added for name in ("counts", "times", "untraced")}}


def test_one_failure_among_those_that_held_is_what_the_cell_says() -> None:
    head, exact, processes = table.rows(ANSWERS)
    assert head == ["", "L1", "L4"]
    assert exact == [EXACT, "FAILED 1 of 2", "held (1)"]
    assert processes[1:] == ["held (1)", ""]


def test_a_rung_that_no_test_ran_on_is_a_failure() -> None:
    assert ledger.gone("6.1", ANSWERS) == ["6.1 L3: no test ran: none was chosen"]
    skipped = Result(EXACT, "test_send[L3]", "L3", "skipped", "the verifier refuses")
    assert ledger.gone("6.1", ledger.answers([*RESULTS, skipped])) == ["6.1 L3: no test ran: the verifier refuses"]


def test_each_reason_stands_beside_where_it_applies() -> None:
    assert table.notes(ANSWERS) == ["L1: FAILED: test_recv[L1]: assert 22 == 23", "L2: no such hook"]


def test_a_ledger_that_a_panic_cut_off_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    entry: dict[str, object] = {"question": EXACT, "test": "test_send", "rung": None}
    entry |= {"outcome": "passed", "reason": "", "seconds": 1.0}
    entry["ways"] = [["send", "L1", [["exact", ""], ["no reads", "no hook"], ["exact", ""]]]]
    (tmp_path / "tests.jsonl").write_text(json.dumps(entry) + "\n" + json.dumps(entry)[:30])
    assert len(ledger.read(tmp_path / "tests.jsonl")) == 1
    assert ledger.read(tmp_path / "absent") == []
    (way,) = ledger.ways(tmp_path / "tests.jsonl")
    page = table.page({"6.1": record.Finding("6.1.1-1", ANSWERS, [way], {"none": {"base": {"pair": 9, "getppid": 2}}})})
    assert "| send | L1 | calls: no reads | 6.1 | [1] |" in page and "1. no hook" in page


def test_the_page_says_what_was_found() -> None:
    root = Path(__file__).parents[2]
    found = record.recorded()
    assert (root / "docs" / "kernels.md").read_text() == table.page(found)
    assert record.RECORD.read_text() == record.text(found)
    assert not [what for finding in found.values() for answer in finding.answers for what in answer.failed]
    assert not [lost for series, finding in found.items() for lost in ledger.gone(series, finding.answers)]


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
