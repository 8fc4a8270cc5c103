"""The programs in the kernel and what is recorded while they are on their hooks: all the time, or from look to look."""

from __future__ import annotations

import gc
from collections.abc import Sequence

from hopscope.agent.conntrack import Conntrack
from hopscope.agent.discovery import Discovery
from hopscope.agent.inspecting import Inspector
from hopscope.agent.kernel import Kernel, Limits
from hopscope.agent.probes import Choice
from hopscope.agent.processes import Processes
from hopscope.agent.processes.survey import Survey
from hopscope.agent.recorder import Recorder
from hopscope.agent.tracing import Tracing
from hopscope.agent.wishes import Wish


class Session:
    """Loaded from its creation on; `recorder` is there while hooks run. Raises LibbpfError. Not thread-safe.

    Loading takes a second or two, putting loaded programs on their hooks a twentieth of one. So they stay loaded
    between two looks, which costs memory and no time.
    """

    def __init__(
        self, choice: Choice, limits: Limits, processes: Processes, discovery: Discovery, survey: Survey
    ) -> None:
        self._kernel = Kernel(choice, limits, started=False)
        self._processes, self._discovery, self._survey = processes, discovery, survey
        self.recorder: Recorder | None = None
        self.inspector: Inspector | None = None
        self._tracing: Tracing | None = None

    def start(self, wishes: Sequence[Wish] = ()) -> Recorder:
        """Begins to record; connections that are open already are taken in."""
        self._survey.distrust()
        self._kernel.start()
        recorder = Recorder(self._kernel, self._processes, Conntrack().dialed_port)
        try:
            if self._kernel.filter is not None:
                self._tracing = Tracing(recorder, self._kernel.filter, self._discovery, self._survey)
                self._tracing.want(wishes)
            recorder.tick()
        except BaseException:
            self.stop()
            raise
        self.recorder, self.inspector = recorder, Inspector(recorder)
        return recorder

    def want(self, wishes: Sequence[Wish]) -> None:
        """Traces these, and nothing else; where all is traced anyway that changes nothing."""
        if self._tracing is not None:
            self._tracing.want(wishes)

    def not_traced(self, wish: Wish) -> dict[str, str]:
        """Which processes are wanted and not traced, and why."""
        return self._tracing.not_traced(wish) if self._tracing is not None else {}

    def tick(self) -> None:
        """Records what happened since the last time."""
        if self.recorder is not None:
            self.recorder.tick()
        if self._tracing is not None:
            self._tracing.tick()

    def stop(self) -> None:
        """Ends recording; the programs stay loaded. Twice is harmless."""
        if self._tracing is not None:
            self._tracing.close()
        self.recorder = self.inspector = self._tracing = None
        self._kernel.stop()
        # A recorder is 10 MB that refer to each other; left to itself the collector lets ten of them gather.
        gc.collect()

    def close(self) -> None:
        """Takes everything out of the kernel; twice is harmless."""
        self.stop()
        self._kernel.close()
