"""What the settings file says of a CAP channel; knows nothing of XML, so that it is read without the extra."""

from typing import Annotated, Literal

from msgspec import Meta

from casemate.model.catalog import Declaration, Name

Plain = Annotated[str, Meta(pattern=r"^[^\s,<&\x00-\x1f]{1,200}$")]
"""No space, comma, < or &: what CAP demands of a sender."""


class Code(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A code of a profile, such as value_name "SAME" and value "CDW"; never invented, always from settings."""

    value_name: Name
    value: Name


class ZoneCode(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A zone's code in a profile: its district's number, for receivers that know no polygons."""

    zone: Name
    value_name: Name
    value: Name


class Voice(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who speaks and in which codes: the part of the settings that every alert carries."""

    sender: Plain
    sender_name: Name
    contact: str = ""
    web: Annotated[str, Meta(pattern=r"^(https?://[A-Za-z0-9._~:/?#@!$&'()*+,;=%-]{1,500})?$")] = ""
    impact: Literal["polygon", "circle", "none"] = "polygon"  # how areas of impact are said, if they are
    event_code: tuple[Code, ...] = ()
    geocode: tuple[ZoneCode, ...] = ()


class Settings(Voice, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="cap"):
    """A folder of CAP alerts and its Atom feed: `kind = "cap"`."""

    name: Name
    audience: Literal["live", "drill"]
    folder: Annotated[str, Meta(min_length=1)] = "cap"  # in the run folder, unless it is an absolute path
    languages: Annotated[tuple[str, ...], Meta(min_length=1, max_length=20)] = ("en",)
    texts_file: str = ""  # texts in further languages, or better ones
    key_file: str = ""  # PEM; a live channel needs both
    certificate_file: str = ""
    base_url: Annotated[str, Meta(pattern=r"^(https?://[A-Za-z0-9._~:/@%-]{1,500}/)?$")] = ""
    feed_length: Annotated[int, Meta(ge=1, le=10_000)] = 100
