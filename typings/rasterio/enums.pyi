from enum import IntEnum

class Resampling(IntEnum):
    bilinear = 1
