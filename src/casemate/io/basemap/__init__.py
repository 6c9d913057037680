"""Maps under the page: a user's own file becomes tiles in one PMTiles archive, kept on this machine. No network."""

from casemate.io.basemap.building import build
from casemate.io.basemap.shelf import Basemap, Shelf

__all__ = ["Basemap", "Shelf", "build"]
