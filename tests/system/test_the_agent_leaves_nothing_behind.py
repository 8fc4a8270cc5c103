"""However an agent ends, does anything of it stay in the kernel, and do the processes it watched notice?"""

import signal
import time

import pytest

from tests.system.bpf_ids import held_by, in_kernel
from tests.system.programs import wait_for
from tests.system.running import workload

pytestmark = pytest.mark.usefixtures("root")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_stays(how: signal.Signals) -> None:
    with workload("pairs") as pairs, workload("watcher") as agent:
        pairs.hear()
        agent.hear()
        held = held_by(agent.pid)
        assert {kind for kind, _ in held} == {"prog", "map", "link"}
        assert held <= in_kernel()
        agent.process.send_signal(how)
        agent.process.wait(10)
        wait_for(lambda: not held & in_kernel())  # freed after a grace period
        counted = pairs.finish()
    assert counted["exchanges"] > 0
    assert (counted["errors"], counted["status"]) == (0, 0)


def test_two_agents_are_both_exact() -> None:
    with workload("watcher") as first, workload("watcher") as second:
        first.hear(), second.hear()
        with workload("pairs") as pairs:
            port = pairs.hear()["port"]
            time.sleep(1)
            counted = pairs.finish()
        seen = []
        for agent in (first, second):
            agent.say(str(port))
            seen.append(agent.hear())
    for picture in seen:
        (edge,) = picture["edges"]
        for side in ("client_side", "server_side"):
            for metric in ("write", "read"):
                value = edge[side][metric]
                assert (value["count"], value["bytes"]) == (counted["exchanges"], counted["exchanges"] * 64)
        assert edge["connections"]["opened"] == edge["connections"]["closed"] == 1
