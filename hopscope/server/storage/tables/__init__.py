"""What tables there are: a module for each concern declares its own, and says since which schema version."""

from __future__ import annotations

from hopscope.server.storage.tables import (
    gaps,
    inspections,
    kept_seconds,
    lines,
    mesh,
    metrics,
    places,
    tasks,
    things,
    witnesses,
)
from hopscope.server.storage.tables.kinds import Rolled, Table

ALL: tuple[Table | Rolled, ...] = (
    # Before the metrics: data that are moved are then never of an age at which there were no lines.
    *lines.TABLES,
    *metrics.TABLES,
    *things.TABLES,
    *gaps.TABLES,
    *places.TABLES,
    *witnesses.TABLES,
    *tasks.TABLES,
    *kept_seconds.TABLES,
    *inspections.TABLES,
    *mesh.TABLES,
)
