"""The sound channel with real players: one that keeps the file, and aplay writing to a file where it is installed."""

import io
import shutil
import sys
import wave

import msgspec
import numpy as np
import pytest

from casemate.errors import ChannelError
from casemate.io.channels import sound
from casemate.model.messages import WarningPhase
from casemate.model.notices import ExerciseNotice, LiveNotice, RehearsalNotice


def _notice(kind, phase=WarningPhase.WARN):
    values = {"phase": phase, "areas": (), "ring_deg": (), "references": ()}
    names = [field.name for field in msgspec.structs.fields(kind)]
    return kind(**{name: values.get(name, 0) for name in names})


def _samples(content):
    with wave.open(io.BytesIO(content)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2"), file.getframerate()


def test_only_a_live_warning_wails():
    tones = {
        (kind, phase): sound.tone_of(_notice(kind, phase))
        for kind in (LiveNotice, ExerciseNotice, RehearsalNotice)
        for phase in WarningPhase
    }
    assert {tone for (kind, _), tone in tones.items() if kind is not LiveNotice} == {sound.DRILL}
    assert sound.DRILL not in {tone for (kind, _), tone in tones.items() if kind is LiveNotice}
    assert tones[LiveNotice, WarningPhase.WARN] == sound.TAKE_COVER
    assert tones[LiveNotice, WarningPhase.CLEAR] == sound.ALL_CLEAR


def test_the_steady_tone_is_at_its_frequency():
    samples, rate = _samples(sound.wav_of(sound.ALL_CLEAR))
    assert samples.size == 3 * rate
    strongest = np.argmax(np.abs(np.fft.rfft(samples))) * rate / samples.size
    assert strongest == pytest.approx(700.0, abs=1.0)
    assert np.abs(samples).max() == pytest.approx(0.5 * 32767, rel=0.01)


def test_a_player_gets_the_tone(tmp_path):
    keeper = [sys.executable, "-c", f"import shutil, sys; shutil.copy(sys.argv[1], {str(tmp_path / 'heard.wav')!r})"]
    channel = sound.SoundChannel(sound.Settings(name="horn", player=tuple(keeper)), tmp_path, lambda _: None)
    channel.open()
    channel.send(_notice(ExerciseNotice, WarningPhase.UPDATE))  # an update makes no noise
    assert channel._playing is None
    channel.send(_notice(ExerciseNotice))
    channel.close()
    channel.close()
    assert (tmp_path / "heard.wav").read_bytes() == sound.wav_of(sound.DRILL)


def _until_it_says(channel):
    for _ in range(50):  # a machine under load may take longer than the look at it
        channel.send(_notice(LiveNotice))
        channel.beat(None)


def test_a_player_that_fails_is_said(tmp_path):
    broken = (sys.executable, "-c", "import sys; print('no card\\nat line 3', file=sys.stderr); sys.exit(3)")
    channel = sound.SoundChannel(sound.Settings(name="horn", player=broken), tmp_path, lambda _: None)
    channel.open()
    with pytest.raises(ChannelError, match=r"ended with 3: no card$"):
        _until_it_says(channel)
    channel.close()
    with pytest.raises(ChannelError, match="no program 'no-such-player'"):
        sound.SoundChannel(sound.Settings(name="h", player=("no-such-player",)), tmp_path, lambda _: None).open()


def test_without_a_player_the_terminals_bell_rings(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sound, "_PLAYERS", ())
    channel = sound.SoundChannel(sound.Settings(name="horn"), tmp_path, lambda _: None)
    channel.open()
    channel.send(_notice(LiveNotice))
    channel.close()
    assert capsys.readouterr().err == "\a"


@pytest.mark.skipif(shutil.which("aplay") is None, reason="aplay is not installed (Debian: alsa-utils)")
def test_aplay_plays_what_was_made(tmp_path, monkeypatch):
    heard = tmp_path / "heard.wav"
    rules = f'pcm.!default {{ type file slave.pcm nil file "{heard}" format wav }}\npcm.nil {{ type null }}\n'
    (tmp_path / "asound.conf").write_text("</usr/share/alsa/alsa.conf>\n" + rules)
    monkeypatch.setenv("ALSA_CONFIG_PATH", str(tmp_path / "asound.conf"))
    channel = sound.SoundChannel(sound.Settings(name="horn", player=("aplay", "-q")), tmp_path, lambda _: None)
    channel.open()
    channel.send(_notice(LiveNotice, WarningPhase.CLEAR))
    channel.close()
    content = heard.read_bytes()
    made, _ = _samples(sound.wav_of(sound.ALL_CLEAR))
    played = np.frombuffer(content[44:], "<i2")  # its header counts no frames: the file was not seekable at the end
    assert np.array_equal(played[: made.size], made)
