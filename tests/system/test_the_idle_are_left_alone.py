"""Is a connection that has gone quiet no longer among the busy ones, which are looked at each second?"""

from __future__ import annotations

import socket
import time

import pytest

from hopscope.agent.kernel import Kernel, Limits
from hopscope.agent.probes import choose
from hopscope.agent.processes import Processes
from hopscope.agent.recorder import Recorder


@pytest.mark.usefixtures("root")
def test_who_has_gone_quiet_is_idle() -> None:
    kernel = Kernel(choose(), Limits())
    try:
        recorder = Recorder(kernel, Processes())
        with (
            socket.create_server(("127.0.0.1", 0)) as listener,
            socket.create_connection(listener.getsockname()) as client,
        ):
            server, _ = listener.accept()
            with server:
                ports = {client.getsockname()[1]}

                def moving() -> list[bool]:
                    found = recorder.connections.live.values()
                    ours = [it.index for it in found if {it.local_port, it.remote_port} & ports]
                    assert len(ours) == 2
                    return [bool(recorder.truths.moving[index]) for index in ours]

                client.sendall(b"x" * 1000)
                assert len(server.recv(1000, socket.MSG_WAITALL)) == 1000
                recorder.tick()
                client.sendall(b"x" * 1000)
                recorder.tick()
                assert moving() == [True, True]
                assert len(server.recv(1000, socket.MSG_WAITALL)) == 1000
                deadline = time.monotonic() + 5
                while any(moving()) and time.monotonic() < deadline:
                    recorder.tick()
                    time.sleep(0.05)
                assert moving() == [False, False]
    finally:
        kernel.close()
