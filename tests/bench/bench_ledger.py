"""Results of a long bench, kept as they come: a run that was stopped goes on where it was."""

import concurrent.futures
import hashlib
import json
import os
import pathlib
from collections.abc import Callable, Iterable
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

import casemate

Row = dict[str, Any]
Job = tuple[str, int]  # what, seed
Work = Callable[[str, int], Row]


def code_hash() -> str:
    """Name the code that is measured: results of another tree are not taken for its own."""
    found = hashlib.sha256()
    for path in sorted(pathlib.Path(casemate.__file__).parent.rglob("*.py")):
        found.update(path.read_bytes())
    return found.hexdigest()[:12]


def progress() -> Progress:
    """Return a bar for a terminal; silent elsewhere."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    return Progress(*columns, TimeRemainingColumn())


def named(work: Work, job: Job) -> tuple[Job, Row]:
    """Do one job; returns it with its row."""
    return job, work(*job)


class Ledger:
    """Rows by what was measured and seed, one line of JSON each."""

    def __init__(self, path: pathlib.Path) -> None:
        self.path = path
        self.rows: dict[Job, Row] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
            what, seed, row = json.loads(line)
            self.rows[what, seed] = row

    def add(self, job: Job, row: Row) -> None:
        """Keep a row, at once."""
        self.rows[job] = row
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps([*job, row]) + "\n")

    def of(self, what: str, seeds: Iterable[int] = (0,)) -> list[Row]:
        """Return the rows that are there."""
        return [self.rows[what, seed] for seed in seeds if (what, seed) in self.rows]

    def fill(self, title: str, jobs: Iterable[Job], work: Work, workers: int = 1) -> None:
        """Do the jobs that are not kept yet, under a bar. Times must be taken with one worker."""
        missing = [job for job in jobs if job not in self.rows]
        with progress() as bar:
            task = bar.add_task(title, total=len(missing))
            if workers == 1:
                for job in missing:
                    self.add(job, work(*job))
                    bar.advance(task)
                return
            with concurrent.futures.ProcessPoolExecutor(workers, initializer=os.nice, initargs=(5,)) as pool:
                running = [pool.submit(named, work, job) for job in missing]
                try:
                    for done in concurrent.futures.as_completed(running):
                        self.add(*done.result())
                        bar.advance(task)
                except KeyboardInterrupt:
                    pool.shutdown(wait=False, cancel_futures=True)
                    raise
