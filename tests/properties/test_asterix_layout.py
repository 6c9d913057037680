"""What our walk accepts, and the number in every field, is what libasterix's own parser accepts and says.

All editions of all categories that are read, on records of the declared layout with random content, and on the same
ones damaged: bits turned, bytes cut off, put in, taken out, field specifications and lengths overwritten.
"""

import time

import numpy as np
import pytest
from asterix import base, generated

from casemate.io.feeds.asterix import DEFAULT_EDITIONS
from casemate.io.feeds.asterix.layout import editions_of, layout_of

EDITIONS = [(category, edition) for category in DEFAULT_EDITIONS for edition in editions_of(category)]


def kind_of(category: int, edition: str):
    return getattr(generated, f"Cat_{category:03d}_{edition.replace('.', '_')}")


def parsed(kind, body: bytes):
    """Return libasterix's records, None where it refuses (or gives up by an exception of its own)."""
    try:
        records = kind.cv_uap.parse(base.Bits.from_bytes(body))
    except TypeError:  # a bit of the FSPEC beyond the last item of a category that does not fill its bytes
        return None
    return None if isinstance(records, ValueError) or not records else records


def leaves(variation, path):
    """Yield path and unsigned number of each element that libasterix found, groups as a whole too."""
    match variation:
        case base.Element():
            yield path, variation.bs.to_uinteger()
        case base.Group():
            yield path, variation.bs.to_uinteger()
            yield from inner(variation.arg, path)
        case base.Extended():
            yield from inner([each for part in variation.arg for each in part], path)
        case base.Compound():
            for name, each in variation.arg.items():
                yield from leaves(variation_of(each), (*path, name))


def inner(items, path):
    for each in items:
        if isinstance(each, base.Item):
            yield from leaves(variation_of(each.arg), (*path, each.arg.cv_name))


def variation_of(non_spare):
    return non_spare.arg.arg


def assert_same(category: int, edition: str, body: bytes) -> int:
    """Compare all there is to a block's body; return how many records it held, 0 where both refuse it."""
    layout = layout_of(category, edition)
    ours, theirs = layout.split(body), parsed(kind_of(category, edition), body)
    assert (ours is None) == (theirs is None), body.hex()
    if ours is None or theirs is None:
        return 0
    assert len(ours) == len(theirs), body.hex()
    for found, record in zip(ours, theirs, strict=True):
        assert set(found.place) == set(record.items_regular), body.hex()
        want = {}
        for name, item in record.items_regular.items():
            want |= dict(leaves(variation_of(item), (name,)))
            if found.place[name].varies:
                assert found.content(name) == item.unparse().to_bytes()
        got = {}
        for path, field in layout.fields().items():
            raw = field.raw(found if field.item == path[0] else found.inside(path[0]))
            if raw is not None:
                got[path] = raw
        assert got == want, body.hex()
    return len(ours)


class Maker:
    """Makes records that follow a layout: any items, any content, each length field true."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def record(self, kind) -> bytes:
        record = kind.cv_uap.cv_record
        items = [getattr(each, "cv_non_spare", None) for each in record.cv_items_list]
        return self.chosen(items, self.rng.uniform(0.05, 0.9))

    def chosen(self, items, p: float) -> bytes:
        is_in = [item is not None and self.rng.random() < p for item in items]
        n_bytes = max(1, -(-(max((i for i, each in enumerate(is_in) if each), default=0) + 1) // 7))
        fspec = bytearray(n_bytes)
        for i, each in enumerate(is_in):
            if each:
                fspec[i // 7] |= 0x80 >> i % 7
        for i in range(n_bytes - 1):
            fspec[i] |= 1
        return bytes(fspec) + b"".join(self.item(item) for item, each in zip(items, is_in, strict=True) if each)

    def item(self, item) -> bytes:
        rule = item.cv_rule
        return self.content(rule.cv_variation if hasattr(rule, "cv_variation") else rule.cv_default_variation)

    def content(self, variation) -> bytes:
        if issubclass(variation, base.Compound):
            return self.chosen(variation.cv_items_list, self.rng.uniform(0.1, 0.9))
        if issubclass(variation, base.Extended):
            return self.extended(variation.cv_items_list)
        if issubclass(variation, base.Repetitive):
            n, rep = int(self.rng.integers(0, 4)), variation.cv_rep_bytes
            if rep is None:
                n_bytes = (variation.cv_variation.cv_bit_size + 1) // 8
                each = [bytearray(self.rng.bytes(n_bytes)) for _ in range(n + 1)]
                for i, one in enumerate(each):
                    one[-1] = one[-1] & 0xFE | (i < n)
                return b"".join(each)
            return n.to_bytes(rep, "big") + self.rng.bytes(n * variation.cv_variation.cv_bit_size // 8)
        if issubclass(variation, base.Explicit):
            n = int(self.rng.integers(0, 12))
            return bytes([n + 1]) + self.rng.bytes(n)
        return self.rng.bytes(variation.cv_bit_size // 8)

    def extended(self, parts) -> bytes:
        n = int(self.rng.integers(1, len(parts) + 1))
        out = b""
        for i, part in enumerate(parts[:n]):
            one = bytearray(self.rng.bytes(sum(1 if each is None else each[1] for each in part) // 8))
            if part[-1] is None:
                one[-1] = one[-1] & 0xFE | (i < n - 1)
            out += bytes(one)
        return out


def damaged(body: bytes, rng: np.random.Generator) -> bytes:
    out = bytearray(body)
    for _ in range(int(rng.integers(1, 4))):
        at = int(rng.integers(len(out))) if out else 0
        match int(rng.integers(6)):
            case 0 if out:
                out[at] ^= 1 << int(rng.integers(8))
            case 1:
                del out[at:]
            case 2:
                out[at:at] = rng.bytes(int(rng.integers(1, 5)))
            case 3:
                del out[at : at + int(rng.integers(1, 5))]
            case 4 if out:
                out[0] |= 1  # the FSPEC goes on into the items
            case _ if out:
                out[at] = 0xFF
    return bytes(out)


@pytest.mark.parametrize(("category", "edition"), EDITIONS)
def test_whole_records_are_read_as_libasterix_reads_them(category, edition):
    seed = time.time_ns() % 2**32
    rng = np.random.default_rng([seed, category])
    maker = Maker(rng)
    for i in range(12):
        body = b"".join(maker.record(kind_of(category, edition)) for _ in range(1 + i % 3))
        assert assert_same(category, edition, body) == 1 + i % 3, f"seed {seed}"


@pytest.mark.parametrize(("category", "edition"), EDITIONS)
def test_damaged_records_are_refused_where_libasterix_refuses_them(category, edition):
    seed = time.time_ns() % 2**32
    rng = np.random.default_rng([seed, category])
    maker = Maker(rng)
    n_kept = 0
    for _ in range(60):
        body = damaged(maker.record(kind_of(category, edition)) + maker.record(kind_of(category, edition)), rng)
        n_kept += assert_same(category, edition, body) > 0
    assert 0 < n_kept < 60, f"seed {seed}"


def test_every_bit_of_a_field_specification_is_as_libasterix_has_it():
    for category, edition in DEFAULT_EDITIONS.items():
        n_items = len(kind_of(category, edition).cv_uap.cv_record.cv_items_list)
        n_bytes = -(-n_items // 7)
        for i in range(7 * (n_bytes + 1)):
            n = i // 7 + 1
            fspec = bytes(1 if j < n - 1 else 0x80 >> i % 7 for j in range(n))
            assert_same(category, edition, fspec + bytes(range(1, 60)))
            assert_same(category, edition, fspec + bytes(60))


def test_the_field_specifications_remembered_are_bounded():
    layout, rng = layout_of(48, "1.32"), np.random.default_rng(3)
    for _ in range(20_000):
        layout.split(bytes(rng.integers(0, 256, 4)))
    assert len(layout._items._plans) <= 4096
