from typing import Any

def to_html(
    fig: dict[str, Any],
    config: dict[str, Any] | None = ...,
    include_plotlyjs: bool | str = ...,
    post_script: str | list[str] | None = ...,
    full_html: bool = ...,
    validate: bool = ...,
    div_id: str | None = ...,
) -> str: ...
