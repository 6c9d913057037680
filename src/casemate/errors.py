"""The tree of errors that Casemate raises; each carries its facts, so that a caller can act on them.

CasemateError
SettingsError      a file, a setting or the call is wrong: exit code 2
FeedError
DecodeError      bytes that do not decode
SourceLost       an endpoint that fell silent
ChannelError       a channel that did not take what it was given
JournalError       a journal that cannot be read or written
DomainError        a value outside a model's valid range (also ValueError)
InvariantError     something that cannot be: the process stops, exit code 3
"""


class CasemateError(Exception):
    """Root of every error that Casemate raises on purpose."""


class SettingsError(CasemateError):
    """A file, key or value that cannot be used; raised before anything runs.

    Parameters
    ----------
    file : str
        The file (or command line option) that holds the mistake.
    key : str
        Path of the key inside the file, empty when the whole file is meant.
    why : str
        One sentence.
    """

    def __init__(self, file: str, key: str, why: str) -> None:
        self.file, self.key, self.why = file, key, why
        super().__init__(": ".join(part for part in (file, key, why) if part))

    def __reduce__(self) -> tuple[type["SettingsError"], tuple[str, str, str]]:
        """Let a worker process hand it to whoever asked."""
        return SettingsError, (self.file, self.key, self.why)


class FeedError(CasemateError):
    """Something wrong with what a sensor delivers."""


class DecodeError(FeedError):
    """Bytes that do not decode: where, what category of message, why."""

    def __init__(self, offset: int, category: str, why: str) -> None:
        self.offset, self.category, self.why = offset, category, why
        super().__init__(f"at byte {offset}: {category}: {why}")


class SourceLost(FeedError):
    """A feed that fell silent."""

    def __init__(self, endpoint: str, since_ns: int) -> None:
        self.endpoint, self.since_ns = endpoint, since_ns
        super().__init__(f"{endpoint}: silent since {since_ns} ns")


class ChannelError(CasemateError):
    """A channel that did not take what it was given: which, why, and whether it may take it later."""

    def __init__(self, channel: str, why: str, *, is_final: bool = False) -> None:
        self.channel, self.why, self.is_final = channel, why, is_final
        super().__init__(f"{channel}: {why}")


class JournalError(CasemateError):
    """A journal that cannot be read or written."""

    def __init__(self, path: str, offset: int, why: str) -> None:
        self.path, self.offset, self.why = path, offset, why
        super().__init__(f"{path}: row {offset}: {why}")


class DomainError(CasemateError, ValueError):
    """A value outside the range in which a model holds."""

    def __init__(self, name: str, value: float, low: float, high: float) -> None:
        self.name, self.value, self.low, self.high = name, value, low, high
        super().__init__(f"{name} = {value:g} is outside [{low:g}, {high:g}]")


class InvariantError(CasemateError):
    """Something that cannot be, whatever came in: a fault of the program or of the memory it runs in.

    Parameters
    ----------
    what : str
        What was broken.
    row : int
        Of the journal: the input whose step it was; 0 where nobody said yet.
    t_ns : int
        Event time of that input.
    """

    def __init__(self, what: str, row: int = 0, t_ns: int = 0) -> None:
        self.what, self.row, self.t_ns = what, row, t_ns
        super().__init__(f"journal row {row}, t_ns {t_ns}: {what}" if row else what)
