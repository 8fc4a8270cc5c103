"""A type as a question: a dataclass's fields are what GraphQL is asked for, and what the answer is read into. Pure.

`p99_ns` is `p99Ns` there, and `from_` is `from`. Words of a Literal are an enum's in lower case.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from datetime import datetime
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from cattrs import ClassValidationError, Converter, transform_error
from cattrs.gen import make_dict_structure_fn, override

Kind = TypeVar("Kind")


def field_name(name: str) -> str:
    """A field's name in GraphQL."""
    return re.sub("_([a-z])", lambda found: found[1].upper(), name.rstrip("_"))


@cache
def selection(kind: Any) -> str:
    """The selection set that asks for everything a dataclass holds, with its braces."""
    hints = get_type_hints(kind)
    asked = []
    for held in fields(kind):
        part = inner(hints[held.name])
        nested = is_dataclass(part)
        asked.append(field_name(held.name) + (f" {selection(part)}" if nested else ""))
    return "{ " + " ".join(asked) + " }"


def inner(hint: Any) -> Any:
    """What is in an Optional or a tuple."""
    if isinstance(hint, UnionType):
        return inner(next(part for part in get_args(hint) if part is not NoneType))
    if get_origin(hint) is tuple:
        return inner(get_args(hint)[0])
    return hint


def read(answer: Any, kind: Any) -> Any:
    """An answer as a type, for example `tuple[Service, ...]`. Raises ValueError with what does not fit."""
    try:
        return _CONVERTER.structure(answer, kind)
    except ClassValidationError as error:
        raise ValueError(transform_error(error)[0]) from error
    except (KeyError, TypeError) as error:
        raise ValueError(str(error)) from error


def _reader(kind: type) -> Callable[[Any, Any], Any]:
    names = {held.name: override(rename=field_name(held.name)) for held in fields(kind)}
    made: Callable[[Any, Any], Any] = make_dict_structure_fn(kind, _CONVERTER, **names)  # type: ignore[arg-type]
    return made


def _is_words(kind: Any) -> bool:
    return get_origin(kind) is Literal


def _word(text: Any, kind: Any) -> str:
    word = str(text).lower()
    if word not in get_args(kind):
        raise ValueError(f"{text!r} is none of {', '.join(get_args(kind))}")
    return word


_CONVERTER = Converter()
_CONVERTER.register_structure_hook(datetime, lambda text, _: datetime.fromisoformat(text))
_CONVERTER.register_structure_hook_func(_is_words, _word)
_CONVERTER.register_structure_hook_factory(is_dataclass, _reader)
