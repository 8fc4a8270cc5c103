"""A demo in the background: forked off, heard until its traffic flows."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

from hopscope.demo import DemoError, folder, supervisor
from hopscope.demo.topology import Options


def up(options: Options, say: Callable[[str, float], None]) -> dict[str, Any]:
    """Starts a demo that outlives this process. Returns what it publishes of itself. Raises DemoError."""
    supervisor.check_machine(options)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        os._exit(_hold(options, writer))
    os.close(writer)
    try:
        with os.fdopen(reader) as lines:
            for line in lines:
                heard = json.loads(line)
                if "ready" in heard:
                    return dict(heard["ready"])
                if "error" in heard:
                    os.waitpid(child, 0)
                    raise DemoError(heard["error"])
                say(heard["step"], heard["seconds"])
    except KeyboardInterrupt:
        folder.end()
        raise
    raise DemoError("the demo ended before it was up")


def _hold(options: Options, writer: int) -> int:
    os.setsid()
    os.chdir("/")
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)

    def tell(**what: Any) -> None:
        try:
            os.write(writer, (json.dumps(what) + "\n").encode())
        except BrokenPipeError:
            # Who started us has gone; the demo stays.
            return

    def ready(published: dict[str, Any]) -> None:
        tell(ready=published)
        os.close(writer)
        # Until here the terminal hears of what nobody expected.
        os.dup2(nothing, 2)

    try:
        supervisor.run(options, lambda step, seconds: tell(step=step, seconds=seconds), ready)
    except (DemoError, OSError) as error:
        tell(error=str(error))
        return 1
    return 0


def running_mesh() -> tuple[dict[str, Any], Options]:
    """What the running demo publishes, and its options. Raises DemoError when there is none."""
    state = folder.published()
    return state, Options(**state["options"])
