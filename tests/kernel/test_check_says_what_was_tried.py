"""Does the check say for each metric what measures it and at what cost, and without root what it could not try?"""

from __future__ import annotations

import os

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


@pytest.mark.usefixtures("root")
def test_without_privilege_it_says_so() -> None:
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setresuid(65534, 65534, 65534)
        found = check()
        untried = all(probe.hook is None and "root" in (probe.why_not or "") for probe in found.probes)
        os._exit(0 if untried and found.refused else 1)
    assert os.waitpid(child, 0)[1] == 0
