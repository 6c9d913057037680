"""The layout of a category: how long each item of a record is and where its fields lie, as libasterix declares them.

libasterix carries the published editions as classes and parses object by object, some thousand records a second. Here
the same classes are read once into steps and masks, and a record is walked by those: what the walk accepts, and where
it finds each field, is what libasterix's own parser accepts and finds. `tests/properties/test_asterix_layout.py`
compares them, field by field, on whole and on damaged records.
"""

import functools
import math
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from asterix import base, generated

from casemate.errors import SettingsError

Skip = Callable[[bytes, int, int], int]
"""(data, at, end) -> where the item that begins at `at` ends, -1 where it does not fit or may not be."""
_MAX_PLANS: Final = 4096
"""Field specifications remembered per set of items: far more than radars send; damage could make millions."""


class Place(NamedTuple):
    """Where an item begins: at a step of its plan, some bytes into it; `items` are its own where it is compound."""

    step: int
    n_bytes: int
    varies: bool
    items: "Items | None"


class Found(NamedTuple):
    """A set of items found in `data`: a record, or the subitems of a compound item."""

    data: bytes
    place: dict[str, Place]
    ends: tuple[int, ...]  # where the FSPEC ended, then each step

    def inside(self, item: str) -> "Found | None":
        """Return the subitems of a compound item, None where it is missing."""
        place = self.place.get(item)
        if place is None or place.items is None:
            return None
        return place.items.walk(self.data, self.ends[place.step] + place.n_bytes, self.ends[place.step + 1])

    def content(self, item: str) -> bytes:
        """Return the bytes of an item of varying length, none where it is missing."""
        place = self.place.get(item)
        if place is None or not place.varies:
            return b""
        return self.data[self.ends[place.step] + place.n_bytes : self.ends[place.step + 1]]


class Field(NamedTuple):
    """A number inside an item: `n_bytes` from `at` on, shifted right and masked; `sign` is its top bit, or 0."""

    item: str
    at: int
    n_bytes: int
    shift: int
    mask: int
    sign: int
    step: float  # in the unit of the specification

    def raw(self, found: Found | None) -> int | None:
        """Return the unsigned number, None where the item, or the part of it that holds the field, is missing."""
        if found is None:
            return None
        data, places, ends = found  # unpacked: this is the hot line of the decoder, and attributes cost
        item, at, n_bytes, shift, mask, _, _ = self
        place = places.get(item)
        if place is None:
            return None
        step, into, varies, _ = place
        begin = ends[step] + into + at
        end = begin + n_bytes
        if varies and end > ends[step + 1]:
            return None
        return int.from_bytes(data[begin:end], "big") >> shift & mask

    def part_of(self, whole: "Field") -> tuple[int, int]:
        """Return by how much to shift the number of the whole item, and the mask, to have this field of it."""
        return self.shift + 8 * (whole.n_bytes - self.at - self.n_bytes), self.mask

    def value(self, found: Found | None) -> float:
        """Return the signed number in the unit of the specification, NaN where it is missing."""
        raw = self.raw(found)
        if raw is None:
            return math.nan
        return (raw - (self.mask + 1) if raw & self.sign else raw) * self.step


class Plan(NamedTuple):
    """How to walk one field specification: so many bytes, then an item that tells its own length (the last: none)."""

    steps: tuple[tuple[int, Skip | None], ...]
    place: dict[str, Place]


class Items:
    """What a field specification names, in its order: the items of a record, the subitems of a compound item."""

    def __init__(self, items: list[Any], n_max_bytes: int) -> None:
        self._items = items  # libasterix's NonSpare classes; None: the bit may not be set
        self._n_max_bytes = n_max_bytes
        self._plans: dict[bytes, Plan | None] = {}

    def walk(self, data: bytes, at: int, end: int) -> Found | None:
        """Find the items of the set that begins at `at`; None where the bytes up to `end` do not fit."""
        start = at
        while at < end and data[at] & 1:
            at += 1
        at += 1
        if at > end or at - start > self._n_max_bytes:
            return None
        fspec = data[start:at]
        plan = self._plans[fspec] if fspec in self._plans else self._remember(fspec)
        if plan is None:
            return None
        ends = [at]
        for n_bytes, skip in plan.steps:
            at += n_bytes
            if skip is not None:
                at = skip(data, at, end)
                if at < 0:
                    return None
            ends.append(at)
        return None if at > end else Found(data, plan.place, tuple(ends))

    def skip(self, data: bytes, at: int, end: int) -> int:
        """Return where the set ends, -1 where it does not fit: a `Skip`."""
        found = self.walk(data, at, end)
        return -1 if found is None else found.ends[-1]

    def _remember(self, fspec: bytes) -> Plan | None:
        if len(self._plans) >= _MAX_PLANS:
            self._plans.clear()
        plan = self._plans[fspec] = self._plan_of(fspec)
        return plan

    def _plan_of(self, fspec: bytes) -> Plan | None:
        steps: list[tuple[int, Skip | None]] = []
        place: dict[str, Place] = {}
        n_fixed = 0
        for i in _set_bits(fspec):
            item = self._items[i] if i < len(self._items) else None
            if item is None:
                return None
            size = _size_of(_variation_of(item))
            items = size if isinstance(size, Items) else None
            place[item.cv_name] = Place(len(steps), n_fixed, not isinstance(size, int), items)
            if isinstance(size, int):
                n_fixed += size
            else:
                steps.append((n_fixed, size.skip if isinstance(size, Items) else size))
                n_fixed = 0
        return Plan((*steps, (n_fixed, None)), place)


class Layout:
    """The layout of one edition of a category.

    Raises
    ------
    SettingsError
        libasterix has no such edition.
    """

    def __init__(self, category: int, edition: str) -> None:
        kind = getattr(generated, f"Cat_{category:03d}_{edition.replace('.', '_')}", None)
        if kind is None:
            why = f"has no edition {edition!r}; there are: {', '.join(editions_of(category)) or 'none'}"
            raise SettingsError("asterix", f"cat{category:03d}", why)
        self.category, self.edition = category, edition
        items = [getattr(each, "cv_non_spare", None) for each in kind.cv_uap.cv_record.cv_items_list]
        self._items = Items(items, kind.cv_uap.cv_record.cv_fspec_max_bytes)
        self._fields = {path: field for item in items if item for path, field in _fields_of(item)}

    def split(self, body: bytes) -> list[Found] | None:
        """Return the records of a block, None where it does not fit the layout; one damaged record spoils its block."""
        records: list[Found] = []
        at = 0
        while at < len(body):
            found = self._items.walk(body, at, len(body))
            if found is None:
                return None
            records.append(found)
            at = found.ends[-1]
        return records or None

    def need(self, *path: str) -> Field:
        """Return a field that every edition has."""
        return self._fields[path]

    def field(self, *path: str) -> Field | None:
        """Return a field by the names of item, subitem, element; None where this edition has no such field."""
        return self._fields.get(path)

    def fields(self) -> dict[tuple[str, ...], Field]:
        """Return all fields of items that do not repeat, by their path."""
        return self._fields


@functools.cache
def layout_of(category: int, edition: str) -> Layout:
    """Return the layout of an edition, read out of libasterix's classes once."""
    return Layout(category, edition)


def editions_of(category: int) -> tuple[str, ...]:
    """Return the editions of a category that libasterix has, the oldest first."""
    kinds = generated.manifest["CATS"].get(category, [])
    return tuple(f"{kind.cv_edition[0]}.{kind.cv_edition[1]}" for kind in kinds)


def _set_bits(fspec: bytes) -> Iterator[int]:
    # seven items a byte, the eighth bit says whether another byte follows
    return (7 * i + j for i, byte in enumerate(fspec) for j in range(7) if byte & (0x80 >> j))


def _is(kind: Any, *kinds: type) -> bool:  # noqa: ANN401 libasterix's classes
    return issubclass(kind, kinds)


def _variation_of(item: Any) -> Any:  # noqa: ANN401 libasterix's classes
    # where the structure depends on another item, libasterix parses by the default one
    rule = item.cv_rule
    return rule.cv_variation if hasattr(rule, "cv_variation") else rule.cv_default_variation


def _size_of(variation: Any) -> "int | Items | Skip":  # noqa: ANN401 as above
    if _is(variation, base.Element, base.Group):
        return variation.cv_bit_size // 8
    if _is(variation, base.Compound):
        return Items(variation.cv_items_list, variation.cv_fspec_max_bytes)
    if _is(variation, base.Extended):
        parts = [sum(1 if each is None else each[1] for each in part) // 8 for part in variation.cv_items_list]
        return _skip_extended(parts, ends_with_fx=variation.cv_items_list[-1][-1] is None)
    if _is(variation, base.Explicit):
        return _skip_explicit
    bits = variation.cv_variation.cv_bit_size
    return _skip_chain((bits + 1) // 8) if variation.cv_rep_bytes is None else _skip_counted(bits // 8, variation)


def _skip_extended(parts: list[int], *, ends_with_fx: bool) -> Skip:
    last = len(parts) - 1

    def skip(data: bytes, at: int, end: int) -> int:
        for i, n_bytes in enumerate(parts):
            at += n_bytes
            if at > end:
                return -1
            if i == last and not ends_with_fx:
                return at
            if not data[at - 1] & 1:
                return at
        return -1  # the last part says that another follows

    return skip


def _skip_explicit(data: bytes, at: int, end: int) -> int:
    if at >= end or not data[at] or at + data[at] > end:
        return -1
    return at + data[at]


def _skip_chain(n_bytes: int) -> Skip:
    def skip(data: bytes, at: int, end: int) -> int:
        at += n_bytes
        while at <= end and data[at - 1] & 1:
            at += n_bytes
        return at if at <= end else -1

    return skip


def _skip_counted(n_bytes: int, variation: Any) -> Skip:  # noqa: ANN401 as above
    n_count = variation.cv_rep_bytes

    def skip(data: bytes, at: int, end: int) -> int:
        begin = at + n_count
        if begin > end:
            return -1
        at = begin + int.from_bytes(data[at:begin], "big") * n_bytes
        return at if at <= end else -1

    return skip


def _fields_of(item: Any) -> Iterator[tuple[tuple[str, ...], Field]]:  # noqa: ANN401 as above
    variation = _variation_of(item)
    if _is(variation, base.Compound):
        for each in variation.cv_items_list:
            if each is not None:
                yield from (((item.cv_name, *path), field) for path, field in _fields_of(each))
    elif not _is(variation, base.Repetitive, base.Explicit):
        for path, bit, element in _elements_of(item, 0):
            yield path, _field_at(item.cv_name, bit, element)


def _elements_of(item: Any, bit: int) -> Iterator[tuple[tuple[str, ...], int, Any]]:  # noqa: ANN401 as above
    """Yield path, first bit and class of each element of a fixed or extended item."""
    variation = _variation_of(item)
    if _is(variation, base.Element):
        yield (item.cv_name,), bit, variation
        return
    if _is(variation, base.Group):  # as a whole too
        yield (item.cv_name,), bit, variation
    groups = variation.cv_items_list if _is(variation, base.Extended) else [variation.cv_items_list]
    for each in (each for group in groups for each in group):
        if each is not None and _is(each[0], base.Item):
            for path, at, element in _elements_of(each[0].cv_non_spare, bit):
                yield (item.cv_name, *path), at, element
        bit += 1 if each is None else each[1]


def _field_at(item: str, bit: int, element: Any) -> Field:  # noqa: ANN401 as above
    n_bits: int = element.cv_bit_size
    rule: Any = getattr(element, "cv_rule", None)  # a group as a whole has none
    content = rule.cv_content if hasattr(rule, "cv_content") else getattr(rule, "cv_default_content", None)
    at, n_bytes = bit // 8, (bit + n_bits - 1) // 8 - bit // 8 + 1
    is_signed = getattr(content, "cv_signedness", None) is base.Signed
    return Field(
        item=item,
        at=at,
        n_bytes=n_bytes,
        shift=8 * (at + n_bytes) - bit - n_bits,
        mask=(1 << n_bits) - 1,
        sign=1 << (n_bits - 1) if is_signed else 0,
        step=float(getattr(content, "cv_lsb", 1.0)),
    )
