"""What `casemate doctor --coverage` calls: a site and a class of rounds to a study and its map."""

import pathlib

from casemate.cli import show
from casemate.errors import SettingsError
from casemate.io import coverage_map, settings
from casemate.model.coverage import Coverage
from casemate.runner import plan_of, terrain_of


def cover(name: str, round_class: str, rcs_dbsm: float | None, file: pathlib.Path) -> Coverage:
    """Study the coverage of a site, by its file or its packaged name, and draw the map.

    Raises
    ------
    SettingsError
        No such site or class, or a map that cannot be written.
    """
    given = pathlib.Path(name)
    path = given if given.suffix == ".toml" or len(given.parts) > 1 else settings.packaged("sites", name)
    coverage_map.check_map(file)
    plan = plan_of(path)
    names = [each.name for each in plan.rounds]
    if round_class not in names:
        raise SettingsError("--round", "", f"{round_class!r} is no round class: {', '.join(names)}")
    with show.compiling("coverage"), show.Steps("flying") as steps:
        from casemate.study.coverage import study_coverage

        body = plan.rounds[names.index(round_class)]
        found = study_coverage(plan.site, body, terrain_of(plan, path), rcs_dbsm, steps)
    coverage_map.draw_coverage(found, plan.site, file)
    return found
