"""libasterix as the oracle of our walk: makers of records, damage, and a comparison of all there is to a block."""

import numpy as np
from asterix import base, generated

from casemate.io.feeds.asterix.layout import layout_of


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
