"""The live view: a table that follows the edges, and a page for one of them."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from typing import ClassVar

from rich.text import Text
from textual import work
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import Screen
from textual.widgets import DataTable, Footer, Input, Static

from hopscope.cli import lines
from hopscope.cli.edge_page import page
from hopscope.cli.figures import shorten
from hopscope.cli.help_page import HelpPage
from hopscope.cli.sliding import Sliding
from hopscope.cli.table import STYLES, completeness
from hopscope.client import HopscopeError, Window
from hopscope.edges.connection import ConnectionsSeen
from hopscope.edges.model import Profile
from hopscope.edges.status import AgentStatus, doing, reports

IDLE = """
  No process on this host has moved a byte over TCP in the last {span:.0f} seconds.

  A line appears as soon as one does, for example:
      curl http://localhost

  --all shows idle connections, too; --self shows hopscope's own.
"""
NO_MATCH = "\n  None of {all} edges matches {filter!r}; / changes the filter, an empty one shows all."
SHOWN = 1000
"""More lines than anybody reads; drawing them would take longer than a second."""


class Live(App[None]):
    """The table. `window` is asked every `interval` seconds; figures cover the last `span` seconds."""

    CSS = """
    #head { height: 1; text-style: bold; }
    #idle { display: none; height: 1fr; }
    DataTable { height: 1fr; }
    #why { height: 2; color: $text-muted; }
    #agent { display: none; height: 1; color: $text-muted; }
    Input { display: none; height: 1; border: none; padding: 0; }
    """
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "Filter", key_display="/"),
        Binding("space", "pause", "Pause"),
        Binding("less_than_sign,left", "sort(-1)", "Sort", key_display="<"),
        Binding("greater_than_sign,right", "sort(1)", "Sort", key_display=">"),
        Binding("r", "reverse", "Reverse"),
        Binding("o,enter", "open", "Open", key_display="enter"),
        Binding("question_mark", "help", "Help", key_display="?"),
        Binding("q", "quit", "Quit"),
        Binding("ctrl+c", "quit", "Quit", show=False, priority=True),
        Binding("escape", "unfilter", "All", show=False),
    ]

    def __init__(
        self, window: Window, span: float = 5, interval: float = 1, notice: Callable[[], str | None] = lambda: None
    ) -> None:
        super().__init__()
        self._window = window
        self.span = span
        self._interval = interval
        self._notice = notice
        self._live = Sliding()
        self._paused: Sliding | None = None
        self._filter = ""
        self._sort = "STATE"
        self._reverse = False
        self._columns: tuple[lines.Column, ...] = ()
        self._room = self._label = 0
        self.failure: HopscopeError | None = None
        self._ended = threading.Event()
        self.looked_at: str | None = None  # the edge that is open, whose connections are asked for
        self.single: tuple[ConnectionsSeen, ...] = ()
        self._shown: list[lines.Line] = []

    def compose(self) -> ComposeResult:
        """Head, table, reason, filter, keys."""
        yield Static("waiting for the first second", id="head")
        yield DataTable(cursor_type="row", cell_padding=0)
        yield Static("", id="idle")
        yield Static("", id="why")
        yield Input(placeholder="part of a name, address, label or state; enter keeps it, esc shows all")
        yield Static("", id="agent")
        yield Footer()

    def on_mount(self) -> None:
        """Starts to watch."""
        self.theme = "textual-ansi" if "textual-ansi" in self.available_themes else self.theme
        self.query_one(DataTable).focus()
        self._watch()

    def on_unmount(self) -> None:
        """Ends the watching thread."""
        self._ended.set()

    @work(thread=True)
    def _watch(self) -> None:
        # The first look comes at once: who starts it wants to see that it works.
        wait, before = min(0.3, self._interval), None
        while not self._ended.wait(wait):
            wait = self._interval
            opened = self.looked_at
            try:
                seen, status = self._window.take(), self._window.status()
                single = self._window.connections(opened) if opened or before else ()
            except HopscopeError as error:
                self.failure = error
                self.call_from_thread(self.exit)
                return
            before = opened
            self.call_from_thread(self._take, seen, status, single if opened == self.looked_at else ())

    def _take(self, seen: Profile, status: AgentStatus | None, single: tuple[ConnectionsSeen, ...]) -> None:
        self._live.add(seen)
        if status is not None:
            said = self.screen_stack[0].query_one("#agent", Static)
            said.update(Text(f"Agent: {doing(status)}; {reports(status.delivery)}."))
            said.display = True
        if self._paused is None:
            self.single = single
            self.refresh_view()

    @property
    def sliding(self) -> Sliding:
        """What is shown: the last minute, or the minute before the pause."""
        return self._paused or self._live

    def refresh_view(self) -> None:
        """Draws what is known now."""
        seen = self.sliding.last(self.span)
        if seen is None:
            return
        every = lines.lines(seen.edges, seen.window.seconds)
        matching = [it for it in every if _matches(it, self._filter)]
        self._shown = self._sorted(matching)[:SHOWN]
        self._draw_head(seen, every, matching)
        self._draw_table()
        idle = self.screen_stack[0].query_one("#idle", Static)
        idle.update(IDLE.format(span=self.span) if not every else NO_MATCH.format(all=len(every), filter=self._filter))
        idle.display = not matching
        self.screen_stack[0].query_one(DataTable).display = bool(matching)
        self._explain()
        for screen in self.screen_stack:
            if isinstance(screen, EdgePage):
                screen.draw()

    def _draw_head(self, seen: Profile, every: list[lines.Line], matching: list[lines.Line]) -> None:
        bad = [f"{number} {name}" for name in ("failing", "slow") if (number := _count(every, name))]
        parts = [seen.host, seen.window.start[11:19] + "Z", f"last {min(self.span, seen.window.seconds):.0f} s"]
        parts.append(f"{len(every)} edge{'s' if len(every) != 1 else ''}" + (f": {', '.join(bad)}" if bad else ""))
        if self._filter:
            parts.append(f"{len(matching)} match {self._filter!r}")
        if self._paused:
            parts.append("PAUSED")
        if notice := self._notice():
            parts.append(notice)
        self.screen_stack[0].query_one("#head", Static).update(Text("  ".join(parts)))

    def _draw_table(self) -> None:
        table = self.screen_stack[0].query_one(DataTable)
        chosen, top = self._chosen(), table.scroll_y
        self._lay_out(table)
        table.clear()
        for it in self._shown:
            style = STYLES.get(it.state.name, "")
            name = Text(lines.name(it.edge, self._room), style)
            cells = [Text(column.text(it), style, justify="right") for column in self._columns]
            table.add_row(name, Text(" " + shorten(it.edge.label, self._label), style), *cells, key=it.edge.id)
        row = next((row for row, it in enumerate(self._shown) if it.edge.id == chosen), 0)
        table.move_cursor(row=row, animate=False, scroll=False)
        table.scroll_to(y=top, animate=False, immediate=True)

    def _lay_out(self, table: DataTable[Text]) -> None:
        width = self.size.width - 2  # the scroll bar
        self._label = lines.LABEL_WIDTH if width < 98 else max(
            [lines.LABEL_WIDTH, *(len(it.edge.label) for it in self._shown)]
        )  # fmt: skip
        wish = max((len(lines.name(it.edge)) for it in self._shown), default=lines.NAME_WIDTH)
        self._columns, room = lines.fitting(width, self._label, wish)
        self._room = max(15, room)
        table.clear(columns=True)
        table.add_column(self._heading("CLIENT → SERVER"), width=self._room, key="CLIENT → SERVER")
        table.add_column(Text(" " + self._heading("LABEL").plain), width=self._label + 1, key="LABEL")
        for column in self._columns:
            heading = self._heading(column.heading)
            heading.justify = "right"
            table.add_column(heading, width=column.width + 1, key=column.heading)

    def _heading(self, heading: str) -> Text:
        return Text(heading + (("▲" if self._reverse else "▼") if heading == self._sort else ""))

    def _sorted(self, found: list[lines.Line]) -> list[lines.Line]:
        """By the chosen column, the highest first; without a number last. The order by state is the lines' own."""
        column = next((column for column in lines.COLUMNS if column.heading == self._sort), None)
        if self._sort in ("CLIENT → SERVER", "LABEL"):
            words = (lambda it: it.edge.label) if self._sort == "LABEL" else (lambda it: lines.name(it.edge))
            return sorted(found, key=words, reverse=self._reverse)
        if column is None or column.figure is None:
            return found[::-1] if self._reverse else found
        known = [(number, it) for it in found if (number := column.number(it)) is not None]
        known.sort(key=lambda pair: pair[0], reverse=not self._reverse)
        return [it for _, it in known] + [it for it in found if column.number(it) is None]

    def _chosen(self) -> str | None:
        table = self.screen_stack[0].query_one(DataTable)
        if not table.row_count or table.cursor_row >= table.row_count:
            return None
        return table.coordinate_to_cell_key(table.cursor_coordinate).row_key.value

    def _explain(self) -> None:
        it = next((it for it in self._shown if it.edge.id == self._chosen()), None)
        why = self.screen_stack[0].query_one("#why", Static)
        if it is None:
            why.update("")
        elif it.state.reasons:
            text = f"{lines.name(it.edge)} is {it.state.name}: {'; '.join(it.state.reasons)}"
            why.update(Text(text, STYLES.get(it.state.name, "")))
        else:
            seen = self.sliding.last(self.span)
            why.update(Text(" ".join(completeness(seen.completeness)) if seen else ""))

    def on_data_table_row_highlighted(self, _event: DataTable.RowHighlighted) -> None:
        """Says why the chosen edge is in its state."""
        self._explain()

    def on_data_table_row_selected(self, _event: DataTable.RowSelected) -> None:
        """Enter or a click opens the edge."""
        self.action_open()

    def on_data_table_header_selected(self, event: DataTable.HeaderSelected) -> None:
        """A click on a heading sorts by it, a second one the other way round."""
        heading = str(event.column_key.value)
        self._reverse = not self._reverse if heading == self._sort else False
        self._sort = heading
        self.refresh_view()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filters while it is typed."""
        self._filter = event.value.strip()
        self.refresh_view()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Keeps the filter."""
        event.input.display = False
        self.query_one(DataTable).focus()

    def on_resize(self) -> None:
        """More or fewer columns."""
        self.refresh_view()

    def check_action(self, action: str, _parameters: tuple[object, ...]) -> bool | None:
        """The table's keys are not the pages'."""
        return len(self.screen_stack) == 1 or action not in ("filter", "unfilter", "sort", "reverse", "open")

    def action_filter(self) -> None:
        """Asks for a filter."""
        asked = self.query_one(Input)
        asked.display = True
        asked.focus()

    def action_unfilter(self) -> None:
        """Shows all again."""
        asked = self.query_one(Input)
        asked.value = ""
        asked.display = False
        self.query_one(DataTable).focus()

    def action_pause(self) -> None:
        """Stops the view, not the watching."""
        self._paused = None if self._paused else self._live.copy()
        self.refresh_view()

    def action_sort(self, step: int) -> None:
        """Sorts by the next or the previous column."""
        headings = ["CLIENT → SERVER", "LABEL", *(column.heading for column in self._columns)]
        at = headings.index(self._sort) if self._sort in headings else 0
        self._sort, self._reverse = headings[(at + step) % len(headings)], False
        self.refresh_view()

    def action_reverse(self) -> None:
        """Sorts the other way round."""
        self._reverse = not self._reverse
        self.refresh_view()

    def action_open(self) -> None:
        """Opens the chosen edge."""
        if (chosen := self._chosen()) is not None and len(self.screen_stack) == 1:
            self.push_screen(EdgePage(chosen))

    def action_help(self) -> None:
        """Keys and columns."""
        self.push_screen(HelpPage(self.span))


def _count(found: list[lines.Line], name: str) -> int:
    return sum(it.state.name == name for it in found)


def _matches(it: lines.Line, wanted: str) -> bool:
    try:
        pattern = re.compile(wanted, re.IGNORECASE)
    except re.error:
        pattern = re.compile(re.escape(wanted), re.IGNORECASE)
    edge = it.edge
    pids = " ".join(map(str, (*edge.client.pids, *edge.server.pids)))
    words = (lines.name(edge), edge.label, it.state.name, edge.client.address, edge.server.address, pids)
    return pattern.search(" ".join(words)) is not None


class EdgePage(Screen[None]):
    """One edge over the last minute."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,backspace,enter", "app.pop_screen", "Back", key_display="esc"),
        Binding("space", "app.pause", "Pause"),
        Binding("question_mark", "app.help", "Help", key_display="?"),
        Binding("q", "app.quit", "Quit"),
    ]

    def __init__(self, key: str) -> None:
        super().__init__()
        self._key = key

    def compose(self) -> ComposeResult:
        """The page and its keys."""
        with VerticalScroll():
            yield Static("", id="page")
        yield Footer()

    def on_mount(self) -> None:
        """Draws it for the first time."""
        self.query_one(VerticalScroll).focus()
        self._live.looked_at, self._live.single = self._key, ()
        self.draw()

    def on_unmount(self) -> None:
        """Nobody looks at its connections any more."""
        self._live.looked_at = None

    @property
    def _live(self) -> Live:
        assert isinstance(self.app, Live)
        return self.app

    def on_resize(self) -> None:
        """Another width."""
        self.draw()

    def draw(self) -> None:
        """Draws what is known now."""
        app = self._live
        edge, seconds, history = app.sliding.edge(self._key)
        seen = app.sliding.last(app.span)
        if edge is None or seen is None:
            self.query_one("#page", Static).update("This edge has been idle for a minute; esc goes back.")
            return
        text = Text("\n").join(page(edge, seconds, history, seen, app.single, self.app.size.width - 2))
        self.query_one("#page", Static).update(text)
