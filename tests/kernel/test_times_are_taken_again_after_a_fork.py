"""Are times taken again although a child that was just forked still holds the hooks of the last time?"""

import os
import signal
import time

from hopscope.agent.kernel import Kernel, Limits
from hopscope.agent.probes import Choice


def test_a_child_before_its_exec(rung: Choice) -> None:
    kernel = Kernel(rung, Limits())
    try:
        kernel.take_times(True)
        child = os.fork()
        if child == 0:
            time.sleep(600)
            os._exit(0)
        kernel.take_times(False)
        try:
            kernel.take_times(True)  # no error, whether or not this kernel allows it
        finally:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        kernel.take_times(True)
        assert kernel.takes_times
    finally:
        kernel.close()
