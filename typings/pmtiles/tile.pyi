from enum import Enum
from typing import Any

class TileType(Enum):
    PNG = 2

class Compression(Enum):
    NONE = 1

def zxy_to_tileid(z: int, x: int, y: int) -> int: ...
def deserialize_header(buf: bytes) -> dict[str, Any]: ...
