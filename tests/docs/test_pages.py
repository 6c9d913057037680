"""What the pages must say, and must agree on."""

import re

BOUNDARY = (
    (
        "This project detects, predicts and warns, and studies protection in simulation; "
        "it contains no interface to any weapon and none will be accepted."
    ),
    (
        "Its parameters are generic and openly published, its results are not performance claims about any real "
        "system, and it must not be the only safeguard for anyone's life."
    ),
)


def test_the_readme_draws_the_boundary(root):
    text = " ".join((root / "README.md").read_text(encoding="utf-8").split())
    for sentence in BOUNDARY:
        assert sentence in text


def test_the_boundary_page_draws_it_too(root):
    text = " ".join((root / "docs/explanation/boundary.md").read_text(encoding="utf-8").split())
    for sentence in BOUNDARY:
        assert sentence in text


def test_every_dependency_has_its_reason(root):
    project = (root / "pyproject.toml").read_text(encoding="utf-8")
    listed = re.findall(r'^\s+"([a-z][a-z-]*)(?:\[[a-z]+\])?[>=<]', project, flags=re.MULTILINE)
    text = (root / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert listed
    assert [name for name in listed if f"| {name} |" not in text] == []


def test_every_command_is_documented(root):
    from typer.main import get_command

    from casemate.cli.commands import app

    text = (root / "docs/reference/commands.md").read_text(encoding="utf-8")
    for name, command in get_command(app).commands.items():
        assert f"## `casemate {name}" in text
        for option in command.params:
            for spelling in option.opts:
                assert not spelling.startswith("--") or f"`{spelling}" in text, f"casemate {name} {spelling}"


def test_every_packaged_scenario_is_documented(root):
    from casemate.io.settings import packaged_names

    text = (root / "docs/reference/scenarios.md").read_text(encoding="utf-8")
    assert [name for name in packaged_names("scenarios") if f"| `{name}` |" not in text] == []


def test_links_between_pages_and_pictures_lead_somewhere(root):
    pages = [root / "README.md", root / "CONTRIBUTING.md", *(root / "docs").rglob("*.md")]
    for page in pages:
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"
