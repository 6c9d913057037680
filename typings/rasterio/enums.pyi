from enum import IntEnum

class Resampling(IntEnum):
    nearest = 0
    bilinear = 1

class ColorInterp(IntEnum):
    palette = 2
