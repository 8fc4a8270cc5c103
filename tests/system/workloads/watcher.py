"""An agent that watches until it is told to end, and then shows one edge: `watcher.py [SLOTS]`.

Prints `ready`, then for each line with a port on standard input the edges to it, as JSON.
"""

import json
import signal
import sys
import threading

from hopscope.agent.watch import Watch
from hopscope.settings import AgentSettings


def main() -> None:
    """Ends by end of input, SIGINT or SIGTERM, as a Python program does."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    slots = int(sys.argv[1]) if len(sys.argv) > 1 else 16384
    with Watch(AgentSettings(slots=slots)) as watch:
        window = watch.open("all")
        print(json.dumps({"ready": threading.active_count()}), flush=True)
        for line in sys.stdin:
            picture = window.peek().to_dict()
            picture["edges"] = [e for e in picture["edges"] if e["server"]["address"].endswith(f":{line.strip()}")]
            print(json.dumps(picture), flush=True)


main()
