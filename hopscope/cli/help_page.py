"""The live view's page of keys and columns."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from hopscope.cli import lines

HELP = """\
[b]Keys[/b]
  ↑ ↓ PgUp PgDn  choose an edge           enter  open it; esc goes back
  < >            sort by another column   r      the other way round
  /              filter; empty: all       space  pause and go on
  ?              this page                q      quit

[b]Columns[/b], over the last {span:.0f} seconds
{columns}

A state stands on what was counted; the reason is said below the table.
"""


class HelpPage(ModalScreen[None]):
    """Keys and columns; `span`: seconds that figures cover."""

    CSS = """
    HelpPage { align: center middle; }
    HelpPage VerticalScroll { width: 78; height: 90%; border: round $primary; padding: 0 1; background: $surface; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,enter,q", "app.pop_screen", "Back", key_display="esc")
    ]

    def __init__(self, span: float) -> None:
        super().__init__()
        self._span = span

    def compose(self) -> ComposeResult:
        """The text."""
        with VerticalScroll():
            columns = "\n".join(f"{column.heading:<7} {column.sentence}" for column in lines.COLUMNS)
            yield Static(HELP.format(span=self._span, columns=columns))
