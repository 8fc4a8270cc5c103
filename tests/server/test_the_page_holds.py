"""Does the question that docs/server.md shows get an answer?"""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

from hopscope.agent.reporters.blocks import Blocks

from .conftest import Server
from .profiles import HOST, profile

PAGE = Path(__file__).parents[2] / "docs" / "server.md"


def test_the_question_of_the_page(server: Server) -> None:
    server.send(Blocks(1, "1.0").batches(profile(int(time.time()) - 5))[0][1].SerializeToString())
    question, task = re.findall(r"-d '(\{.*\})'", PAGE.read_text())
    answer = server.ask(json.loads(question)["query"])["edges"]
    assert len(answer["edges"]) == 3 and answer["completeness"][0]["host"] == HOST
    assert answer["edges"][0]["clientSide"]["metrics"][0]["percentiles"]
    asked = json.loads(task)["query"].replace("reviews-v1", "pod-1")
    assert server.ask(asked)["createTask"]["state"] == "WAITING"
