"""Does the check say for each metric what measures it and at what cost, and without root what it could not try?"""

from __future__ import annotations

import subprocess
import sys

import pytest

from hopscope.agent.check import check
from hopscope.metrics import METRICS


@pytest.mark.usefixtures("root")
def test_each_metric_has_a_probe_or_a_reason() -> None:
    found = check()
    assert [probe.metric for probe in found.probes] == [m.name for m in METRICS if m.where == "side"]
    assert all(bool(probe.hook) != bool(probe.why_not) for probe in found.probes)
    costs = {probe.metric: probe.cost for probe in found.probes}
    assert "ns a call" in (costs["write"] or "") and "ns a call" in (costs["read"] or "")
    assert all(refused.why and refused.enable for refused in found.refused)


UNTRIED = """
from hopscope.agent.check import check
found = check()
assert found.refused
assert all(probe.hook is None and "root" in (probe.why_not or "") for probe in found.probes)
"""


@pytest.mark.usefixtures("root")
def test_without_privilege_it_says_so() -> None:
    """User 0 without capabilities, for nobody may not be allowed to read the place that the tests run in."""
    powerless = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", sys.executable, "-c", UNTRIED]
    done = subprocess.run(powerless, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
