"""CAP 1.2: each notice a signed alert in a file of its own, and an Atom feed that lists them.

A web server in front of the folder, or a gateway that polls it, brings them to the public: the station itself opens no
port for that.
"""

import hashlib
from pathlib import Path
from typing import Final
from urllib.parse import quote

from lxml import etree

from casemate.errors import ChannelError, SettingsError
from casemate.io.channels.atom import Feed, entry_from
from casemate.io.channels.cap_alert import alert_of
from casemate.io.channels.cap_settings import Settings
from casemate.io.channels.cap_sign import Signer
from casemate.io.channels.channel import OnReply
from casemate.io.channels.files import make_folder, write_whole
from casemate.io.channels.texts import read_languages
from casemate.model.notices import AnyHeartbeat, AnyNotice, AnyPicture

_MAX_FILE_NAME: Final = 120


class Cap:
    """A folder of alerts; every alert says by its type whether it is live.

    Parameters
    ----------
    settings : Settings
    folder : Path
        Of the run: where the folder of alerts is, unless its path is absolute.
    on_reply : OnReply
        Not used: nothing comes back from a file.

    Raises
    ------
    SettingsError
        A language, key or certificate that cannot be used, or a live channel without a key.
    """

    def __init__(self, settings: Settings, folder: Path, on_reply: OnReply) -> None:
        del on_reply
        self.name = settings.name
        self._settings, self._folder = settings, folder / settings.folder
        self._languages = read_languages(settings.languages, Path(settings.texts_file) if settings.texts_file else None)
        self._signer = _signer_of(settings)
        status = "Actual" if settings.audience == "live" else "Exercise"
        self._feed = Feed(self.name, self._folder, status, settings.feed_length, settings.base_url)

    def open(self) -> None:
        """Make the folder and list what is in it, or raise `ChannelError`."""
        make_folder(self.name, self._folder)
        self._feed.load()

    def send(self, notice: AnyNotice) -> None:
        """Write the notice's alert, then the feed; back when the alert is on the disk.

        Sent twice, it replaces itself: the same identifier, the same file.
        """
        alert = alert_of(notice, self._settings, self._languages)
        signed = alert if self._signer is None else self._signer.sign(alert)
        file = file_of(notice)
        content = etree.tostring(signed, encoding="utf-8", xml_declaration=True)
        write_whole(self.name, self._folder / file, content, is_durable=True)
        entry = entry_from(alert, file)
        if entry is None:
            raise ChannelError(self.name, "wrote no alert", is_final=True)
        self._feed.add(entry)
        self._feed.write(notice.t_sent_ns)

    def show(self, picture: AnyPicture) -> None:
        """Do nothing: CAP warns people, it is no map."""

    def beat(self, heartbeat: AnyHeartbeat) -> None:
        """Renew the feed: its time of update, the age of the picture, and zones that nobody watches."""
        self._feed.renew(heartbeat)
        self._feed.write(heartbeat.t_sent_ns)

    def close(self) -> None:
        """Leave the files where they are."""


def file_of(notice: AnyNotice) -> str:
    """Return the name of the file of a notice's alert: the notice's id, by its digest where that is too long."""
    name = quote(notice.notice_id, safe="", errors="backslashreplace")
    return f"{name if len(name) <= _MAX_FILE_NAME else hashlib.sha256(name.encode()).hexdigest()}.xml"


def _signer_of(settings: Settings) -> Signer | None:
    where = f"channel {settings.name}"
    if bool(settings.key_file) != bool(settings.certificate_file):
        raise SettingsError(where, "key_file", "goes with certificate_file; one of them is missing")
    if settings.key_file:
        return Signer(Path(settings.key_file), Path(settings.certificate_file))
    if settings.audience == "live":
        raise SettingsError(where, "key_file", "is missing: a live alert is signed, with key_file and certificate_file")
    return None
