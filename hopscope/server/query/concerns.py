"""All concerns of the API: a new one is a line here and a file in schema/."""

from __future__ import annotations

from hopscope.server.disk_limit import DiskLimit
from hopscope.server.ingest import Ingest
from hopscope.server.inspections import Inspections
from hopscope.server.query.agents import Agents
from hopscope.server.query.compare import Compare
from hopscope.server.query.concern import Concern
from hopscope.server.query.connections import Connections
from hopscope.server.query.edge_series import EdgeSeries
from hopscope.server.query.edges import Edges
from hopscope.server.query.entities import Entities
from hopscope.server.query.kept_longer import KeptLonger
from hopscope.server.query.lines import Lines
from hopscope.server.query.listeners import Listeners
from hopscope.server.query.looks import Looks
from hopscope.server.query.me import Me
from hopscope.server.query.mesh import Mesh
from hopscope.server.query.reader import Reader
from hopscope.server.query.search import Search
from hopscope.server.query.stored import Stored
from hopscope.server.query.tasks import TaskQueries
from hopscope.server.query.timeline import Timeline
from hopscope.server.query.topology import Topology
from hopscope.server.spool import Spool
from hopscope.server.tasks import Tasks


def concerns(
    reader: Reader, spool: Spool, ingest: Ingest, tasks: Tasks, inspections: Inspections, limit: DiskLimit
) -> list[Concern]:
    """What answers each field of the schema."""
    lines, kept_longer = Lines(reader), KeptLonger(reader, tasks)
    agents, listeners, tasked = Agents(reader, spool, ingest), Listeners(reader), TaskQueries(reader, tasks)
    entities = Entities(reader, lines, agents, listeners, tasked)
    return [
        Edges(reader),
        EdgeSeries(reader, kept_longer),
        Connections(reader, inspections),
        listeners,
        agents,
        entities,
        tasked,
        Search(reader),
        Topology(reader, lines, entities, kept_longer),
        Looks(reader, lines),
        Compare(reader, lines),
        Stored(reader.store, limit),
        Timeline(reader, lines),
        Mesh(reader),
        Me(),
    ]
