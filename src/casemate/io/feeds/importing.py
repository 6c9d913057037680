"""Recordings of whichever kind into a plot table file, and one of system tracks."""

from casemate.errors import SettingsError
from casemate.io import settings
from casemate.io.feeds import sapient
from casemate.io.feeds.asterix import AS_SITE, Imported, Reading, import_recording
from casemate.io.profile import StrPath
from casemate.io.tables import write_plots


def convert(
    recording: StrPath,
    output: StrPath,
    site_path: StrPath | None = None,
    tracks_output: StrPath | None = None,
    reading: Reading = AS_SITE,
) -> Imported:
    """Import a recording, ASTERIX or SAPIENT, into a plot table file; return what was kept and refused.

    Parameters
    ----------
    recording : str or path
        A pcap or pcapng capture, raw ASTERIX blocks, or SAPIENT frames: told apart by how it begins.
    output, tracks_output : str or path
        The plot table; the table of system tracks, if wanted.
    site_path : str or path, optional
        The site file that names the sensors; needed for SAPIENT.
    reading : Reading
        How ASTERIX is read, beside what the site file says.

    Raises
    ------
    SettingsError
        The recording or the site file cannot be read or is needed, there is no such edition, or an output cannot be
        written.
    """
    site = None if site_path is None else settings.read_site(site_path)
    if sapient.is_recording(recording):
        if site is None:
            raise SettingsError("--site", "", "is needed for a SAPIENT recording: it says where the sensors stand")
        result = sapient.import_sapient(recording, site)
    else:
        result = import_recording(recording, site, reading)
    write_plots(result.table, output)
    if tracks_output is not None and result.tracks is not None:
        write_plots(result.tracks, tracks_output)
    return result.counts
