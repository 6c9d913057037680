from typing import Any

from .base import Bits

class _Uap:
    @staticmethod
    def parse(bs: Bits) -> Any: ...

class Cat_034_1_29:
    cv_uap: _Uap

class Cat_048_1_32:
    cv_uap: _Uap
