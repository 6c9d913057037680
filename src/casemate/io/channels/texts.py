"""What people read of a notice, in their languages; no word of a drill without saying that it is one.

Names and reasons come from files and from other programs: they are cleaned of what XML forbids and of marks that turn
the direction of text, cut to a length, and put between isolates, so that a Latin name in an Arabic sentence (or the
other way round) moves no word of it.
"""

import string
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final, NamedTuple, assert_never

from msgspec import Meta

from casemate.errors import SettingsError
from casemate.io.profile import suggest
from casemate.io.settings import read_toml
from casemate.model.catalog import Declaration
from casemate.model.messages import WarningPhase
from casemate.model.notices import (
    AnyHeartbeat,
    AnyNotice,
    AnyPicture,
    DrillHeartbeat,
    DrillPicture,
    ExerciseNotice,
    LiveHeartbeat,
    LiveNotice,
    LivePicture,
    RehearsalNotice,
)

BUILT_IN: Final = Path(__file__).parents[2] / "data" / "alert-texts.toml"
MAX_NAME: Final = 80
"""Characters of a zone's name in a sentence; as many as a site file allows."""
MAX_REASON: Final = 500
"""[A] Characters of a reason: a few sentences."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TURNS: Final = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_ISOLATE, _END = "\u2068", "\u2069"  # first strong isolate, pop directional isolate: Unicode annex 9
_BARRED: Final = frozenset({"Cc", "Cs", "Cn"})  # control characters, lone surrogates, not a character

Text = Annotated[str, Meta(min_length=1, max_length=500)]


class PhaseText(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is said in one phase."""

    headline: Text
    instruction: Text


class Language(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that is said in one language: `[[language]]` of a file of texts."""

    code: Annotated[str, Meta(pattern=r"^[a-zA-Z]{2,3}(-[a-zA-Z0-9]{2,8})*$")]  # RFC 5646
    drill: Text
    event: Text
    when: Text
    why: Text
    area: Text
    too_late: Text
    phase: dict[str, PhaseText]  # by the words of `WarningPhase`


class LanguageFile(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file of texts."""

    language: tuple[Language, ...]


class Wording(NamedTuple):
    """What one notice says in one language."""

    language: str
    event: str
    headline: str
    description: str
    instruction: str
    zone: str
    area: str  # what an expected area of impact is called


def read_languages(codes: Sequence[str], path: Path | None = None) -> tuple[Language, ...]:
    """Return the languages named by `codes`, in their order; those of the file at `path` before the built-in ones.

    Raises
    ------
    SettingsError
        A language is not there, lacks a phase, or a sentence has a `$` that nothing fills in.
    """
    found: dict[str, Language] = {}
    for file in (BUILT_IN, path):
        for i, each in enumerate(() if file is None else read_toml(file, LanguageFile).language):
            _check(str(file), f"language[{i}]", each)
            found[each.code] = each
    for code in codes:
        if code not in found:
            why = f"has no language {code!r}{suggest(code, tuple(found))}; there are: {', '.join(found)}"
            raise SettingsError(str(path or BUILT_IN), "language", why)
    return tuple(found[code] for code in codes)


def word(notice: AnyNotice, language: Language) -> Wording:
    """Say a notice in a language."""
    drill = drill_word(notice, language)
    said = language.phase[notice.phase]
    is_over = notice.phase in {WarningPhase.CLEAR, WarningPhase.WITHDRAWN}
    is_too_late = not notice.is_useful and notice.phase in {WarningPhase.WARN, WarningPhase.UPDATE}
    instruction = language.too_late if is_too_late else said.instruction
    zone, reason = clean(notice.zone, MAX_NAME) or "?", clean(notice.reason, MAX_REASON)
    blanks = {
        "zone": f"{_ISOLATE}{zone}{_END}",
        "time": time_of(notice.t_impact_ns).strftime("%H:%M:%S"),
        "reason": f"{_ISOLATE}{reason}{_END}",
    }
    sentences = [] if is_over else [language.when]
    sentences += [language.why] if reason else []
    description = " ".join(sentences) or said.headline
    return Wording(
        language.code,
        drill + language.event,
        drill + _fill(said.headline, blanks),
        drill + _fill(description, blanks),
        drill + _fill(instruction, blanks),
        drill + zone,
        drill + language.area,
    )


def drill_word(notice: AnyNotice, language: Language) -> str:
    """Return what stands before everything that is not live; nothing for what is."""
    match notice:
        case LiveNotice():
            return ""
        case ExerciseNotice() | RehearsalNotice():
            return f"{language.drill}: "
        case _:
            assert_never(notice)


def status_of(told: AnyNotice | AnyPicture | AnyHeartbeat) -> str:
    """Return "live", "exercise" or "rehearsal", by the type of what is told alone."""
    match told:
        case LiveNotice() | LivePicture() | LiveHeartbeat():
            return "live"
        case ExerciseNotice() | DrillPicture() | DrillHeartbeat():
            return "exercise"
        case RehearsalNotice():
            return "rehearsal"
        case _:
            assert_never(told)


def clean(text: str, n_max: int) -> str:
    """Return `text` on one line, without characters that XML forbids or that turn its direction, cut to `n_max`."""
    if not text.isprintable():  # what is printable holds none of them
        text = "".join(" " if unicodedata.category(each) in _BARRED or each in _TURNS else each for each in text)
    line = " ".join(text.split())
    return line if len(line) <= n_max else line[: n_max - 1].rstrip() + "…"


def time_of(t_ns: int, *, is_rounded_up: bool = False) -> datetime:
    """Return the whole second of UTC that `t_ns` (since 1970) lies in, or the next one."""
    return _EPOCH + timedelta(seconds=-(-t_ns // 10**9) if is_rounded_up else t_ns // 10**9)


def iso(t_ns: int) -> str:
    """Return a time as RFC 3339 in UTC, to the millisecond; text, because JavaScript's numbers do not hold `t_ns`."""
    return f"{time_of(t_ns):%Y-%m-%dT%H:%M:%S}.{t_ns // 10**6 % 1000:03d}Z"


def _check(file: str, key: str, language: Language) -> None:
    phases = tuple(phase.value for phase in WarningPhase)
    for phase in language.phase:
        if phase not in phases:
            raise SettingsError(file, f"{key}.phase.{phase}", f"is not a phase{suggest(phase, phases)}")
    missing = [phase for phase in phases if phase not in language.phase]
    if missing:
        raise SettingsError(file, f"{key}.phase", f"lacks {', '.join(missing)}")
    texts = {"event": (), "drill": (), "area": (), "when": ("time",), "why": ("reason",), "too_late": ("zone", "time")}
    for name, blanks in texts.items():
        _check_blanks(file, f"{key}.{name}", getattr(language, name), blanks)
    for phase, said in language.phase.items():
        for name in ("headline", "instruction"):
            _check_blanks(file, f"{key}.phase.{phase}.{name}", getattr(said, name), ("zone", "time"))


def _check_blanks(file: str, key: str, text: str, blanks: tuple[str, ...]) -> None:
    template = string.Template(text)
    if clean(text, len(text)) != text:
        raise SettingsError(file, key, "holds a line break, double space, control or direction character")
    if not template.is_valid() or not set(template.get_identifiers()) <= set(blanks):
        allowed = ", ".join(f"${blank}" for blank in blanks) or "nothing"
        raise SettingsError(file, key, f"has a $ that is not filled in; here it can be: {allowed}")


def _fill(text: str, blanks: dict[str, str]) -> str:
    return string.Template(text).substitute(blanks)
