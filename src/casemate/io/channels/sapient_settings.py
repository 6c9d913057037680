"""What a channels file says of SAPIENT; read without the extra that speaks it."""

from typing import Annotated, Literal

from msgspec import Meta

from casemate.model.catalog import Declaration, Name, NodeId


class Settings(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="sapient"):
    """A middleware or fusion node that we connect to."""

    name: Name
    audience: Literal["live", "drill"]
    host: Annotated[str, Meta(pattern=r"^[^\s/:@]+$")]
    port: Annotated[int, Meta(ge=1, le=65_535)]
    node_id: NodeId  # under which we register: another one than a SAPIENT feed of this station has
    timeout_s: Annotated[float, Meta(ge=0.1, le=30.0)] = 2.0
