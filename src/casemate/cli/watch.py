"""What the operator of a live station sees: each feed, each sensor's clock, each channel, and the warnings in force."""

import time
from typing import Any, Self

from rich.console import Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from casemate.cli.show import ERR
from casemate.constants import NS_PER_S
from casemate.model.messages import Aside, Events, Input
from casemate.model.records import FeedState
from casemate.runner import FeedLog

_COLOURS = {FeedState.OK: "green", FeedState.WAITING: "yellow", FeedState.ENDED: "dim"}
_REFRESH_S = 0.25


class StatusTable:
    """A sink that shows how the feeds are: a table on a terminal, elsewhere a line for each change of state."""

    def __init__(self) -> None:
        self._log = FeedLog()
        self._live = Live(console=ERR, auto_refresh=False) if ERR.is_terminal else None
        self._shown_s = 0.0
        self._states: dict[str, str] = {}
        self._channels: dict[str, Any] = {}  # a row of CHANNEL each
        self._in_force: dict[int, int] = {}  # zone, warning
        self._n_tracks = 0

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.update(self._shown(), refresh=True)
            self._live.stop()

    def take(self, message: Input, events: Events | None) -> None:
        """Take an input with its events."""
        self._log.take(message, events)
        if isinstance(message, Aside) and message.kind == "channel":
            self._channels |= {str(row["channel"]): row for row in message.rows}
        if events is not None:
            self._n_tracks = events.diagnostics.get("tracks_firm", self._n_tracks)
            for issued in events.warnings:
                self._in_force[issued.zone_id] = issued.warning_id
                if issued.level == "clear":
                    del self._in_force[issued.zone_id]
        if isinstance(message, Aside) and self._live is None:
            self._say_changes()
        elif self._live is not None and time.monotonic() - self._shown_s >= _REFRESH_S:
            self._shown_s = time.monotonic()
            self._live.update(self._shown(), refresh=True)

    def _say_changes(self) -> None:
        said = {name: FeedState(int(row["state"][0])).name.lower() for name, row in self._log.feeds.items()}
        for name, row in self._channels.items():
            why = str(row["why"])
            said[f"channel {name}"] = f"{row['state']}{f', {why}' if why else ''}"
        for name, state in said.items():
            if self._states.get(name) != state:
                self._states[name] = state
                ERR.print(f"{name}: {state}", soft_wrap=True, highlight=False, markup=False)

    def _shown(self) -> Group:
        return Group(self._table(), self._channel_table())

    def _channel_table(self) -> Table:
        table = Table()
        for title in ("channel", "state", "sent", "waiting", "retries", "lost", "why"):
            table.add_column(title, justify="left" if title in {"channel", "state", "why"} else "right")
        for name, row in self._channels.items():
            colour = {"ok": "green", "off": "dim", "waiting": "yellow"}.get(str(row["state"]), "red")
            lost = sum(int(row[each]) for each in ("n_expired", "n_refused", "n_overflowed", "n_held"))
            counts = (int(row["n_sent"]), int(row["n_waiting"]), int(row["n_retries"]), lost)
            state = f"[{colour}]{row['state']}[/]"
            table.add_row(escape(name), state, *(f"{n:,}" for n in counts), escape(str(row["why"])))
        return table

    def _table(self) -> Table:
        table = Table(title=f"{self._n_tracks} tracks, {len(self._in_force)} zones warned", title_justify="left")
        for title in ("feed", "state", "plots", "plots/s", "last", "north", "refused", "shed", "clocks"):
            table.add_column(title, justify="left" if title in {"feed", "state", "clocks"} else "right")
        for name, rows in self._log.feeds.items():
            row, state = rows[0], FeedState(int(rows["state"][0]))
            last = f"{(int(row['t_ns']) - int(row['t_last_ns'])) / NS_PER_S:.1f} s" if row["t_last_ns"] else "never"
            colour = _COLOURS.get(state, "red")
            table.add_row(
                escape(name),
                f"[{colour}]{state.name.lower()}[/]",
                f"{int(row['n_plots']):,}",
                f"{float(row['plots_per_s']):,.0f}",
                last,
                f"{int(row['n_north_marks']):,}",
                f"{int(row['n_refused']):,}",
                f"{int(row['n_shed']) + int(row['n_lost']):,}",
                "; ".join(_clock(each[0]) for (feed, _), each in self._log.clocks.items() if feed == name),
            )
        return table


def _clock(row: Any) -> str:  # noqa: ANN401 a row of FEED_CLOCK
    said = f"{float(row['offset_s']):+.3f} s"
    if row["shift_s"]:
        said += f", put right by {float(row['shift_s']):+,.1f} s"
    if float(row["drift_ppm"]) == float(row["drift_ppm"]):
        said += f", {float(row['drift_ppm']):+.0f} ppm"
    return f"[red]{said}[/]" if row["is_off"] else said
