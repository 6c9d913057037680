"""A sound in the station's own room: by whatever player the machine has, else the terminal's bell."""

import io
import shutil
import subprocess
import sys
import tempfile
import wave
from pathlib import Path
from typing import Final, Literal, NamedTuple, assert_never

import numpy as np

from casemate.errors import ChannelError
from casemate.io.channels.channel import OnReply
from casemate.model.catalog import Declaration, Name
from casemate.model.messages import WarningPhase
from casemate.model.notices import (
    AnyHeartbeat,
    AnyNotice,
    AnyPicture,
    ExerciseNotice,
    LiveNotice,
    RehearsalNotice,
)

_PLAYERS: Final = (("aplay", "-q"), ("paplay",), ("pw-play",), ("afplay",))
_RATE_HZ: Final = 16_000
_SAID: Final = "said.txt"  # what the player wrote of its own trouble
_MOST_SAID: Final = 80
_QUICK_S: Final = 0.2
"""A player that cannot play says so within this time."""


class Settings(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="sound"):
    """A tone for every new warning and every end of one."""

    name: Name
    audience: Literal["live", "drill", "local"] = "local"
    player: tuple[str, ...] = ()  # command that takes a WAV file; none: the first of aplay, paplay, pw-play, afplay


class Tone(NamedTuple):
    """Notes that are played one after another: (frequency at its start, at its end [Hz], length [s]); 0 Hz: silence."""

    notes: tuple[tuple[float, float, float], ...]


TAKE_COVER: Final = Tone(((500.0, 1000.0, 1.0), (1000.0, 500.0, 1.0)) * 2)
"""A wail, as sirens have."""
ALL_CLEAR: Final = Tone(((700.0, 700.0, 3.0),))
"""One steady tone."""
DRILL: Final = Tone(((1500.0, 1500.0, 0.12), (0.0, 0.0, 0.12)) * 3)
"""Three short pips, whatever the phase: nobody takes them for a siren."""


class SoundChannel:
    """Sounds a tone for each new warning and each end; a drill has pips of its own, whatever its phase.

    Parameters
    ----------
    settings : Settings
    folder : Path
        Not used: it writes nothing.
    on_reply : callable
        Never called: nobody answers a loudspeaker.
    """

    def __init__(self, settings: Settings, folder: Path, on_reply: OnReply) -> None:
        _ = folder, on_reply
        self.name = settings.name
        self._said = settings.player
        self._command: tuple[str, ...] = ()
        self._playing: tuple[Tone, subprocess.Popen[bytes]] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def open(self) -> None:
        """Find the player; without one it is the terminal's bell."""
        found = (player for player in _PLAYERS if shutil.which(player[0]))
        self._command = self._said or next(found, ())
        if self._said and not shutil.which(self._said[0]):
            raise ChannelError(self.name, f"there is no program {self._said[0]!r}")
        self._folder = self._folder or tempfile.TemporaryDirectory(prefix="casemate-sound-")

    def send(self, notice: AnyNotice) -> None:
        """Begin the tone that the notice calls for; one that is sounding already goes on."""
        if notice.phase in {WarningPhase.WARN, WarningPhase.CLEAR, WarningPhase.WITHDRAWN}:
            self._play(tone_of(notice))

    def show(self, picture: AnyPicture) -> None:
        """Show nothing."""

    def beat(self, heartbeat: AnyHeartbeat) -> None:
        """Sound nothing; say where the last tone failed."""
        _ = heartbeat
        if self._playing is not None and self._playing[1].poll():
            self._fail(self._playing[1])

    def close(self) -> None:
        """Let a tone that sounds come to its end, at most as long as it is."""
        playing, self._playing = self._playing, None
        if playing is not None:
            try:
                playing[1].wait(timeout=sum(note[2] for note in playing[0].notes) + 1.0)
            except subprocess.TimeoutExpired:
                playing[1].kill()
        folder, self._folder = self._folder, None
        if folder is not None:
            folder.cleanup()

    def _play(self, tone: Tone) -> None:
        if self._folder is None:
            raise ChannelError(self.name, "is not open")
        if not self._command:
            sys.stderr.write("\a")
            sys.stderr.flush()
            return
        if self._playing is not None and self._playing[1].poll() is None:
            if self._playing[0] == tone:
                return
            self._playing[1].kill()  # the newer tone counts
            self._playing[1].wait()
        path = Path(self._folder.name) / "tone.wav"
        path.write_bytes(wav_of(tone))
        player = self._start(path)
        self._playing = tone, player
        try:
            player.wait(timeout=_QUICK_S)
        except subprocess.TimeoutExpired:
            return
        if player.returncode:
            self._fail(player)

    def _start(self, path: Path) -> subprocess.Popen[bytes]:
        try:
            with path.with_name(_SAID).open("wb") as said:
                return subprocess.Popen(  # noqa: S603 a player that the operator has installed
                    [*self._command, str(path)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said
                )
        except OSError as error:
            raise ChannelError(self.name, f"{self._command[0]}: {error.strerror or error}") from error

    def _fail(self, player: subprocess.Popen[bytes]) -> None:
        self._playing = None
        folder = "" if self._folder is None else self._folder.name
        said = (Path(folder) / _SAID).read_text("utf-8", "replace").splitlines() if folder else []
        why = "".join(
            f": {line.strip()[:_MOST_SAID]}" for line in said[:1]
        )  # the first line says what, the others where
        raise ChannelError(self.name, f"{self._command[0]} ended with {player.returncode}{why}")


def tone_of(notice: AnyNotice) -> Tone:
    """Return the tone of a notice; of everything that is not live the same three pips."""
    match notice:
        case LiveNotice():
            return TAKE_COVER if notice.phase is WarningPhase.WARN else ALL_CLEAR
        case ExerciseNotice() | RehearsalNotice():
            return DRILL
        case _:
            assert_never(notice)


def wav_of(tone: Tone) -> bytes:
    """Return a tone as a WAV file, 16 kHz, 16 bit, one channel, at half of full scale."""
    parts: list[np.ndarray] = []
    for start_hz, end_hz, length_s in tone.notes:
        t_s = np.arange(round(length_s * _RATE_HZ)) / _RATE_HZ
        turns = start_hz * t_s + 0.5 * (end_hz - start_hz) / length_s * t_s**2
        parts.append(np.sin(2.0 * np.pi * turns))
    samples = (np.concatenate(parts) * 0.5 * 32767).astype("<i2")
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setparams((1, 2, _RATE_HZ, 0, "NONE", "NONE"))
        file.writeframes(samples.tobytes())
    return out.getvalue()
