"""All concerns of the API: a new one is a line here and a file in schema/."""

from __future__ import annotations

from hopscope.server.ingest import Ingest
from hopscope.server.query.agents import Agents
from hopscope.server.query.concern import Concern
from hopscope.server.query.edges import Edges
from hopscope.server.query.listeners import Listeners
from hopscope.server.query.reader import Reader
from hopscope.server.query.series import Series
from hopscope.server.spool import Spool


def concerns(reader: Reader, spool: Spool, ingest: Ingest) -> list[Concern]:
    """What answers each field of the schema."""
    return [Edges(reader), Series(reader), Listeners(reader), Agents(reader, spool, ingest)]
