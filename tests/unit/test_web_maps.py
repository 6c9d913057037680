"""The page's basemaps: their list, one file by ranges, and names that are none."""

import json

import page_cases
import pytest
from starlette.testclient import TestClient

from casemate.io.basemap import Shelf, build
from casemate.io.web import roles
from casemate.io.web.app import make_app

LINE = {
    "type": "Feature",
    "properties": {},
    "geometry": {"type": "LineString", "coordinates": [[44.39, 33.3], [44.40, 33.31]]},
}


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """A shelf with one map, as users have it; who may ask for it is the second argument."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    source = tmp_path / "fence.geojson"
    source.write_text(json.dumps(LINE), "utf-8")
    made = Shelf().add("fence", lambda part: build(source, part, "us"))

    def client(users=None):
        app = make_app(page_cases.make_page(), roles.Keeper(users), is_local=True, is_tls=False)
        return TestClient(app, base_url="http://127.0.0.1:8800")

    return client, Shelf().path_of("fence").read_bytes(), made


def test_the_maps_of_the_shelf_are_told_and_read_by_ranges(asked):
    client, content, made = asked
    with client() as page:
        (told,) = page.get("/api/basemaps").json()
        assert (told["name"], told["kind"], told["layers"], told["attribution"]) == ("fence", "vector", ["fence"], "us")
        assert told["bounds_deg"] == pytest.approx(list(made.bounds_deg))
        part = page.get("/basemaps/fence.pmtiles", headers={"range": "bytes=5-26"})
        assert (part.status_code, part.content) == (206, content[5:27])
        assert page.get("/basemaps/fence.pmtiles").content == content


@pytest.mark.parametrize("name", ["town", "..%2F..%2Fsecret", "%2e%2e", "A", "x" * 65])
def test_a_name_that_is_none_is_not_found(asked, name):
    client, _, _ = asked
    with client() as page:
        assert page.get(f"/basemaps/{name}.pmtiles").status_code == 404


def test_a_damaged_map_is_left_out_and_who_is_not_signed_in_gets_none(asked):
    client, content, _ = asked
    Shelf().path_of("torn").write_bytes(content[:200])
    with client() as page:
        assert [each["name"] for each in page.get("/api/basemaps").json()] == ["fence"]
    users = {"vera": roles.User(name="vera", role=roles.Role.VIEWER, password=roles.hashed("vera's password"))}
    with client(users) as page:
        assert page.get("/api/basemaps").status_code == 401
        assert page.get("/basemaps/fence.pmtiles").status_code == 401
