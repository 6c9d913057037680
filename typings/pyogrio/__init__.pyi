# The little of pyogrio that Casemate uses, typed.
from os import PathLike

def list_layers(path_or_buffer: str | PathLike[str]) -> list[tuple[str, str | None]]: ...
