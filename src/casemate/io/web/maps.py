"""Basemaps of this machine's shelf, for the page: their list, and each as one file that is read by ranges."""

import asyncio
from collections.abc import Callable

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route

from casemate.errors import SettingsError
from casemate.io.basemap import Basemap, Shelf


def map_routes(shelf: Shelf, check: Callable[[HTTPConnection], object]) -> list[BaseRoute]:
    """Return the routes of a shelf.

    Parameters
    ----------
    shelf : Shelf
    check : callable
        Refuses whoever may not look.
    """

    async def told(request: Request) -> Response:
        check(request)
        return Response(msgspec.json.encode(await asyncio.to_thread(_maps_of, shelf)), media_type="application/json")

    async def tiles(request: Request) -> Response:
        check(request)
        try:
            path = shelf.path_of(request.path_params["name"])
        except SettingsError as error:
            raise HTTPException(404, str(error)) from None
        if not path.is_file():
            raise HTTPException(404, "there is no such basemap")
        return FileResponse(path, media_type="application/vnd.pmtiles")

    return [Route("/api/basemaps", told), Route("/basemaps/{name}.pmtiles", tiles)]


def _maps_of(shelf: Shelf) -> tuple[Basemap, ...]:
    try:
        return shelf.all()
    except ModuleNotFoundError:  # the extra that makes them is not installed: there are none to show
        return ()
