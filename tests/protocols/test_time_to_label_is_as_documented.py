"""Does the page of protocols say after how many messages a label stands, as recorded conversations have it?"""

import ctypes
import re

import pytest

from tests.protocols.conversation import HERE, Conversation, recorded, recordings

PAGE = (HERE.parents[1] / "docs" / "protocols.md").read_text()
ROWS = dict(re.findall(r"^\| (?:security )?`(\w+)` \| (\d messages(?:, with TLS \d)?) \|", PAGE, re.MULTILINE))


@pytest.mark.parametrize("name", recordings())
def test_messages_until_the_label(code: ctypes.CDLL, name: str) -> None:
    conversation = Conversation(code)
    pieces = recorded(name)[0]
    while not conversation.decided and conversation.moves < len(pieces):
        conversation.moved(pieces[conversation.moves])
    label = conversation.label
    numbers = re.findall(r"\d", ROWS[label.protocol if label.protocol != "unknown" else label.security])
    assert conversation.moves <= int(numbers[-1 if label.security == "tls" else 0]), label
