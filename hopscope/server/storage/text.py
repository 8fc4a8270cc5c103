"""How an engine is asked in text and how it answers: parameters as TabSeparated, rows as JSONCompact. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from hopscope.server.storage.store import StoreError

# What one question may cost, and how numbers are written in its answer.
QUESTION: Mapping[str, int] = {
    "max_execution_time": 10,
    "max_memory_usage": 1_000_000_000,
    "max_result_rows": 2_000_000,
    "output_format_json_quote_64bit_integers": 0,
    # Bytes: ten thousand ids are more than the default of 256 KiB.
    "max_query_size": 4_000_000,
}

INSERT: Mapping[str, int] = {
    "async_insert": 0,
    "max_partitions_per_insert_block": 0,
    # Rows of one insert are of different keys as good as always; to look for equal ones took 40 % of its CPU.
    "optimize_on_insert": 0,
}

# With it a node begins a page of what each try ended with.
_AWAY = "All connection tries failed"


def parameter(value: Any) -> Any:
    """A parameter's value with the escapes that the engine takes out of it."""
    if isinstance(value, str):
        return value.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")
    return value


def with_numbers(sql: str, parameters: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The statement with its lists of numbers written into it, and the parameters that are left: over HTTP one
    parameter is at most 128 KiB long."""
    left = {}
    for name, value in parameters.items():
        if isinstance(value, list) and value and all(type(one) is int for one in value):
            written = rf"CAST([{','.join(map(str, value))}], '\1')"
            sql = re.sub(rf"\{{{name}:([\w()]+)\}}", written, sql)
        else:
            left[name] = value
    return sql, left


def rows(answer: bytes | str) -> Sequence[Mapping[str, Any]]:
    """The rows of an answer by column name. Raises StoreError when it broke off: what was wrong follows it then."""
    try:
        found = orjson.loads(answer)
    except orjson.JSONDecodeError as error:
        told = answer if isinstance(answer, str) else answer.decode(errors="replace")
        raise StoreError(line(told[max(told.find("DB::Exception"), len(told) - 400) :])) from error
    names = [column["name"] for column in found["meta"]]
    return [dict(zip(names, row, strict=True)) for row in found["data"]]


def line(error: object) -> str:
    """What an engine says is wrong, in one line."""
    said = " ".join(str(error).split())
    if _AWAY in said:
        why = re.search(r"NetException: (.*?)(?:, local|\)?\. \(|$)", said)
        return "another node of the cluster does not answer" + (f": {why[1]})" if why else "")
    return said[:500]
