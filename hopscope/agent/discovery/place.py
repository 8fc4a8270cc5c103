"""A place of a process above its group."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Place:
    """Service, instance (pod or host) and container; `layer`, `labels` and `attributes` where the source has them.

    Attributes are what else it knows of the container, for example its image.
    """

    service: str | None
    instance: str
    container: str | None = None
    layer: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, str] = field(default_factory=dict)
