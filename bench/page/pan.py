"""What a pan of the topology costs: script and layout a frame, from the browser's own trace.

Needs Debian's chromium and `pip install playwright`; builds the page's topology with an answer of 100 processes, 300
peers and 1000 lines, and drags it about. Run: `python bench/page/pan.py`.
"""

from __future__ import annotations

import functools
import http.server
import json
import subprocess
import threading
from pathlib import Path
from statistics import median
from typing import Any

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parents[2]
SCRIPT = {"FunctionCall", "EvaluateScript", "EventDispatch", "FireAnimationFrame", "TimerFire", "HandlePostMessage"}
LAYOUT = {"UpdateLayoutTree", "Layout", "PrePaint", "HitTest"}
FRAME = "Commit"
"""The last thing that the main thread does for a frame."""
LIMIT_MS = 8.0


def main() -> None:
    """Builds, drags, reports."""
    build = ["npx", "vite", "build", "--logLevel", "warn", "--config", "../bench/page/vite.config.ts"]
    subprocess.run(build, cwd=ROOT / "ui", check=True)
    handler = functools.partial(_Quiet, directory=str(ROOT / "build" / "bench-page"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        for what, query in (("a second's answer stays", ""), ("live", "live")):
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.goto(f"http://127.0.0.1:{server.server_port}/?{query}")
            page.wait_for_selector(".world .line")
            page.wait_for_timeout(1500)
            print(f"{what}: {_text(_frames(_drag(page)))}")
            page.close()
        browser.close()
    server.shutdown()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


def _drag(page: Page) -> list[dict[str, Any]]:
    session = page.context.new_cdp_session(page)
    events: list[dict[str, Any]] = []
    session.on("Tracing.dataCollected", lambda data: events.extend(data["value"]))
    done: list[bool] = []
    session.on("Tracing.tracingComplete", lambda _: done.append(True))
    categories = "devtools.timeline,disabled-by-default-devtools.timeline"
    page.mouse.move(720, 60)
    page.mouse.down()
    page.wait_for_timeout(500)
    session.send("Tracing.start", {"categories": categories, "transferMode": "ReportEvents"})
    for step in range(240):
        page.mouse.move(720 + 3 * (step % 80), 60 + 2 * (step % 60))
        page.wait_for_timeout(8)
    session.send("Tracing.end")
    while not done:
        page.wait_for_timeout(50)
    page.mouse.up()
    return events


def _frames(events: list[dict[str, Any]]) -> list[dict[str, float]]:
    """Milliseconds of the main thread's own time in script and in layout, from one frame to the next."""
    begun = [it for it in events if it["name"] == FRAME]
    threads = {it["tid"] for it in begun}
    busy = sorted(
        (it for it in events if it["tid"] in threads and it.get("ph") == "X" and it["name"] in SCRIPT | LAYOUT),
        key=lambda it: it["ts"],
    )
    starts = sorted(it["ts"] for it in begun)
    frames = [{"script": 0.0, "layout": 0.0} for _ in starts]
    until, index = 0.0, 0
    for event in busy:
        if event["ts"] < until:
            continue  # inside one already counted
        until = event["ts"] + event["dur"]
        while index + 1 < len(starts) and starts[index + 1] <= event["ts"]:
            index += 1
        part = "script" if event["name"] in SCRIPT else "layout"
        if frames:
            frames[index][part] += event.get("tdur", event["dur"]) / 1000
    return frames


def _text(frames: list[dict[str, float]]) -> str:
    whole = sorted(it["script"] + it["layout"] for it in frames)
    if not whole:
        return "no frame was drawn"
    over = sum(ms > LIMIT_MS for ms in whole)
    p95, most = whole[int(0.95 * (len(whole) - 1))], whole[-1]
    return json.dumps(
        {
            "frames": len(whole),
            "median_ms": round(median(whole), 2),
            "p95_ms": round(p95, 2),
            "most_ms": round(most, 2),
            "over_8_ms": over,
        }
    )


if __name__ == "__main__":
    main()
