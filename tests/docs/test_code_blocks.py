"""Every fenced code block of the README and the documentation is run, page by page, in the order of reading.

console   lines after `$ ` are run; lines below must appear in what the command prints, in order (`...`: anything)
python    executed; one namespace for each page
toml      parsed; with a first line `# name.toml` it is saved under that name for the blocks below
sh        steps of a person on a fresh clone: each `scripts/...` that it names must exist
text      not code

A page that begins with `<!-- needs TOOL ... -->` is skipped where one of the tools is not installed.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tomllib

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PAGES = sorted(
    [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *(page for page in (ROOT / "docs").rglob("*.md") if "_build" not in page.parts),
    ]
)
FENCE = re.compile(r"^(?P<fence>```+)(?P<language>[^\n]*)\n(?P<body>.*?)^(?P=fence)\s*$", re.MULTILINE | re.DOTALL)
NEEDS = re.compile(r"^<!-- needs (?P<tools>[^>]*) -->")
DIRECTIVE = re.compile(r"^\{\w+\}")


def blocks_of(page: pathlib.Path) -> list[tuple[int, str, str]]:
    """Return (line, language, body) of each fenced block that is code; MyST directives are not."""
    text = page.read_text(encoding="utf-8")
    return [
        (text.count("\n", 0, match.start()) + 1, match["language"].strip(), match["body"])
        for match in FENCE.finditer(text)
        if not DIRECTIVE.match(match["language"])
    ]


def run_console(body: str, folder: pathlib.Path) -> None:
    commands: list[tuple[str, list[str]]] = []
    for line in body.splitlines():
        if line.startswith("$ "):
            commands.append((line[2:], []))
        elif line.strip():
            assert commands, f"output before any command: {line}"
            commands[-1][1].append(line)
    for command, shown in commands:
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"$ {command}\n{done.stdout}"
        assert_shown(command, shown, done.stdout)


def assert_shown(command: str, shown: list[str], printed: str) -> None:
    """Look for every shown line in the output, in order; `...` stands for any text."""
    at, flat = 0, " ".join(printed.split())
    for line in shown:
        for part in line.split("..."):
            wanted = " ".join(part.split())
            found = flat.find(wanted, at)
            assert found >= 0, f"$ {command}\nshown in the page: {line}\nprinted:\n{printed}"
            at = found + len(wanted)


def skip_without_its_tools(page: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}{os.pathsep}/usr/sbin")  # where Debian keeps servers
    needs = NEEDS.match(page.read_text(encoding="utf-8"))
    missing = [tool for tool in (needs["tools"].split() if needs else ()) if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"{page.name} needs {', '.join(missing)}")


def run_toml(body: str, folder: pathlib.Path) -> None:
    tomllib.loads(body)
    if match := re.match(r"# ([\w.-]+\.toml)\n", body):
        (folder / match[1]).write_text(body, encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_code_block_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{pathlib.Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("COLUMNS", "100")
    skip_without_its_tools(page, monkeypatch)
    namespace: dict[str, object] = {"__name__": "__docs__"}
    for line, language, body in blocks_of(page):
        match language:
            case "console":
                run_console(body, tmp_path)
            case "python":
                exec(compile(body, f"{page.name}:{line}", "exec"), namespace)  # noqa: S102  # that is the test
            case "toml":
                run_toml(body, tmp_path)
            case "sh":
                for script in re.findall(r"\bscripts/[\w-]+", body):
                    assert os.access(ROOT / script, os.X_OK), f"{page.name}:{line}: {script}"
            case "text":
                pass
            case _:
                pytest.fail(f"{page.name}:{line}: no rule runs a block of kind {language!r}")
