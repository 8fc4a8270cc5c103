"""The traffic generator: pages at a steady rate or so many at once, each counted, on connections that are kept."""

from __future__ import annotations

import json
import signal
import socket
import sys
import time
from collections import Counter, deque
from threading import Condition, Thread
from typing import Any

from control import serve
from wire import Counts, Wire, render

_REQUEST = render("GET /productpage HTTP/1.1", {"host": "bookinfo.example", "user-agent": "traffic", "accept": "*/*"})
_KEPT_LATENCIES = 200_000


class Traffic:
    """Workers that take the next page as soon as it is due. `settings`: targets, rate, workers, control."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.targets = [(address, port) for address, port in settings["targets"]]
        self.settings, self.counts = settings, {target: Counts() for target in self.targets}
        self.answers: Counter[str] = Counter()
        self.rate, self.due, self.running, self.fresh = float(settings["rate"]), 0.0, False, False
        self.wanted = self.unanswered = self.under_way = self.sent = 0
        self.latencies: deque[float] = deque(maxlen=_KEPT_LATENCIES)
        self.change = Condition()

    def report(self) -> dict[str, Any]:
        """Everything counted so far."""
        with self.change:
            counted = {"sent": self.sent, "answers": dict(self.answers), "running": self.running, "rate": self.rate}
        return {**counted, "out": {address: counts.plain() for (address, _), counts in self.counts.items()}}

    def pause(self) -> None:
        """Stops the steady traffic; returns when nothing is under way."""
        with self.change:
            self.running = False
            self.change.notify_all()
            self.change.wait_for(lambda: not self.under_way)

    def resume(self, rate: float | None = None) -> None:
        """Goes on, at a new rate if one is given."""
        with self.change:
            self.rate = rate or self.rate
            self.running, self.due = True, time.monotonic()
            self.change.notify_all()

    def send(self, number: int) -> dict[str, int]:
        """So many pages beside the steady traffic; returns when they are answered, with all answers meanwhile."""
        with self.change:
            before = Counter(self.answers)
            self.wanted += number
            self.unanswered += number
            self.change.notify_all()
            self.change.wait_for(lambda: not self.unanswered)
            return dict(self.answers - before)

    def churn(self, value: float) -> None:
        """Fault: a new connection for each page."""
        self.fresh = bool(value)

    def latency(self) -> dict[str, float]:
        """Milliseconds from when a page was due to its answer, since the last time this was asked."""
        with self.change:
            times = sorted(self.latencies)
            self.latencies.clear()
        at = {"p50": 0.5, "p90": 0.9, "p99": 0.99}
        found = {name: times[min(len(times) - 1, int(len(times) * share))] * 1e3 for name, share in at.items() if times}
        return {"pages": len(times), **found}

    def next(self) -> tuple[int, float, bool]:
        """Waits for the next page that is due: its number, when it was due, whether `send` asked for it."""
        with self.change:
            while True:
                now = time.monotonic()
                if asked := self.wanted > 0:
                    self.wanted -= 1
                    due = now
                    break
                if self.running and self.due <= now:
                    # After a standstill the missed pages are left out, or they would come as a burst.
                    due = self.due if now - self.due < 1 else now
                    self.due = due + 1 / self.rate
                    break
                self.change.wait(self.due - now if self.running else None)
            self.sent += 1
            self.under_way += 1
            return self.sent, due, asked

    def work(self) -> None:
        """One worker, for ever."""
        wires: dict[tuple[str, int], Wire] = {}
        while True:
            number, due, asked = self.next()
            target = self.targets[number % len(self.targets)]
            answer = self.page(wires, target)
            with self.change:
                self.latencies.append(time.monotonic() - due)
                self.answers[answer] += 1
                self.under_way -= 1
                self.unanswered -= asked
                self.change.notify_all()

    def page(self, wires: dict[tuple[str, int], Wire], target: tuple[str, int]) -> str:
        """One page: its status, or what went wrong."""
        try:
            wire = wires.get(target)
            if wire is None:
                wire = wires[target] = Wire(socket.create_connection(target, 30), self.counts[target])
            wire.send(_REQUEST)
            message = wire.message()
            if message is None:
                raise EOFError
        except (OSError, EOFError) as error:
            if target in wires:
                wires.pop(target).close()
            return type(error).__name__
        if self.fresh or message[1].get("connection") == "close":
            wires.pop(target).close()
        return str(message[0].split()[1])

    def run(self) -> None:
        """Works for ever."""
        for _ in range(self.settings["workers"]):
            Thread(target=self.work, daemon=True).start()
        commands = {
            "counts": self.report,
            "pause": self.pause,
            "resume": self.resume,
            "send": self.send,
            "churn": self.churn,
            "latency": self.latency,
        }
        serve(self.settings["control"], commands)
        signal.pause()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Traffic(json.loads(sys.argv[1])).run()
