"""Any moment of a long run on the page: `python tests/bench/bench_page_seek.py [SECONDS] [TRACKS] [TURNS] [SEEKS]`.

A journal of made-up tracks (each lives a minute, seen TURNS times a second) is written, folded once, and sought at
random: in the film itself, and by a page over a real socket, from `play` to `hello` and the picture after it.
"""

import asyncio
import json
import pathlib
import random
import resource
import sys
import tempfile
import time

import film_cases
import numpy as np
import page_cases

from casemate.constants import NS_PER_S
from casemate.runner.onlooking import screening_of


def main(n_s=3600, n_tracks=10_000, n_turns=1, n_seeks=300):
    """Print how long it takes to open the run and to seek in it, and what memory it takes."""
    with tempfile.TemporaryDirectory() as folder:
        begin_s = time.perf_counter()
        run = film_cases.write_run(pathlib.Path(folder) / "run", film_cases.steps(n_s, n_tracks, n_turns))
        n_bytes = (run / "journal.sqlite").stat().st_size
        print(f"a run of {n_s} s, {n_tracks} tracks, {n_turns} turns a second: {n_bytes / 1e6:.0f} MB of journal, "
              f"written in {time.perf_counter() - begin_s:.0f} s")  # fmt: skip
        before_mb = rss_mb()
        begin_s = time.perf_counter()
        screening = screening_of(run, None)
        film = screening.film
        print(f"opened in {time.perf_counter() - begin_s:.1f} s: {film.n_steps} steps, {len(film.marks)} notices; "
              f"{rss_mb() - before_mb:.0f} MB more")  # fmt: skip
        rng = random.Random(1)  # noqa: S311 no secret
        moments = [rng.randint(*film.span_ns) for _ in range(n_seeks)]
        tell("the film", [timed(film.at, each) for each in moments])
        with page_cases.serving(screening) as server:
            tell("a page, from play to hello and picture", asyncio.run(sought(server.url, moments)))


def timed(what, *args):
    """Return how long a call takes [s]."""
    begin_s = time.perf_counter()
    what(*args)
    return time.perf_counter() - begin_s


async def sought(url, moments):
    """Return how long each jump takes until its state and its picture are there [s]."""
    link, _ = await page_cases.greeted(url)
    out = []
    async with link:
        for t_ns in moments:
            begin_s = time.perf_counter()
            await link.send(json.dumps({"kind": "play", "t_ns": t_ns, "speed": 0}))
            epoch = None
            while True:
                said = await link.recv()
                if isinstance(said, bytes) and epoch is not None:
                    assert int.from_bytes(said[8:12], "little") == epoch % 2**32
                    break
                if isinstance(said, str) and '"kind":"hello"' in said:
                    hello = json.loads(said)
                    if 0 <= t_ns - hello["t_ns"] <= NS_PER_S:
                        epoch = hello["epoch"]
            out.append(time.perf_counter() - begin_s)
    return out


def tell(what, times_s):
    """Print the quantiles of times [s]."""
    p50, p95, p99, most = np.quantile(np.array(times_s) * 1e3, (0.5, 0.95, 0.99, 1.0))
    print(
        f"{what}: p50 {p50:.1f}, p95 {p95:.1f}, p99 {p99:.1f}, most {most:.1f} ms (n={len(times_s)}; p95 100 is asked)"
    )


def rss_mb():
    """Return the most memory that this process ever had [MB]."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main(*(int(each) for each in sys.argv[1:]))
