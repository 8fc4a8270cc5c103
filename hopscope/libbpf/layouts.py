"""C record layouts out of an object's own BTF, so that Python never repeats one.

Format: Documentation/bpf/btf.rst of the kernel.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

_INT, _PTR, _ARRAY, _STRUCT, _UNION, _ENUM, _FWD, _TYPEDEF, _VOLATILE, _CONST, _RESTRICT = range(1, 12)
_FUNC, _FUNC_PROTO, _VAR, _DATASEC, _FLOAT, _DECL_TAG, _TYPE_TAG, _ENUM64 = range(12, 20)
_FIXED = {_INT: 4, _ARRAY: 12, _VAR: 4, _DECL_TAG: 4}
_PER_MEMBER = {_STRUCT: 12, _UNION: 12, _ENUM: 8, _FUNC_PROTO: 8, _DATASEC: 12, _ENUM64: 12}


class Layouts:
    """The named structs, enums and variables of one BTF blob."""

    def __init__(self, btf: bytes) -> None:
        _, _, _, header, type_off, type_len, str_off, _ = struct.unpack_from("<HBBIIIII", btf)
        self._btf, self._strings = btf, header + str_off
        self._at = [0]
        self._ids: dict[tuple[int, str], int] = {}
        position, end = header + type_off, header + type_off + type_len
        while position < end:
            name, info, _ = struct.unpack_from("<III", btf, position)
            kind, count = info >> 24 & 0x1F, info & 0xFFFF
            self._ids[kind, self._name(name)] = len(self._at)
            self._at.append(position)
            position += 12 + _FIXED.get(kind, 0) + _PER_MEMBER.get(kind, 0) * count

    def dtype(self, name: str) -> np.dtype[Any]:
        """The numpy type of a struct. Raises KeyError when the object has none of that name."""
        return self._dtype(self._ids[_STRUCT, name])

    def enum(self, name: str) -> dict[str, int]:
        """The constants of an enum by name."""
        position = self._at[self._ids[_ENUM, name]]
        count = struct.unpack_from("<I", self._btf, position + 4)[0] & 0xFFFF
        pairs = struct.iter_unpack("<Ii", self._btf[position + 12 : position + 12 + 8 * count])
        return {self._name(offset): value for offset, value in pairs}

    def section(self, name: str) -> dict[str, tuple[int, int]]:
        """Variables of a data section: name to (offset, size)."""
        position = self._at[self._ids[_DATASEC, name]]
        count = struct.unpack_from("<I", self._btf, position + 4)[0] & 0xFFFF
        found = {}
        for type_id, offset, size in struct.iter_unpack("<III", self._btf[position + 12 : position + 12 + 12 * count]):
            variable = struct.unpack_from("<I", self._btf, self._at[type_id])[0]
            found[self._name(variable)] = offset, size
        return found

    def _name(self, offset: int) -> str:
        start = self._strings + offset
        return self._btf[start : self._btf.index(0, start)].decode()

    def _dtype(self, type_id: int) -> np.dtype[Any]:
        import numpy as np

        position = self._at[type_id]
        name, info, size = struct.unpack_from("<III", self._btf, position)
        kind, count = info >> 24 & 0x1F, info & 0xFFFF
        if kind in (_TYPEDEF, _CONST, _VOLATILE, _RESTRICT, _TYPE_TAG):
            return self._dtype(size)
        if kind in (_INT, _ENUM):
            signed = kind == _INT and struct.unpack_from("<I", self._btf, position + 12)[0] >> 24 & 1
            return np.dtype(f"{'i' if signed and self._name(name) != 'char' else 'u'}{size}")
        if kind == _PTR:
            return np.dtype("u8")
        if kind == _ARRAY:
            element, _, length = struct.unpack_from("<III", self._btf, position + 12)
            inner = self._dtype(element)
            if self._is_char(element):
                return np.dtype((np.bytes_, length))
            if inner == np.dtype("u1") and length == 16:
                return np.dtype((np.void, 16))
            return np.dtype((inner, (length,)))
        members = list(struct.iter_unpack("<III", self._btf[position + 12 : position + 12 + 12 * count]))
        return np.dtype(
            {
                "names": [self._name(n) for n, _, _ in members],
                "formats": [self._dtype(t) for _, t, _ in members],
                "offsets": [bits // 8 for _, _, bits in members],
                "itemsize": size,
            }
        )

    def _is_char(self, type_id: int) -> bool:
        name, info, _ = struct.unpack_from("<III", self._btf, self._at[type_id])
        return info >> 24 & 0x1F == _INT and self._name(name) == "char"
