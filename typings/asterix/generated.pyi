from typing import Any

manifest: dict[str, dict[int, list[Any]]]

def __getattr__(name: str) -> Any: ...
