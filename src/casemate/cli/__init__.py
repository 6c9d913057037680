"""The command line: parses, calls, prints. What a command needs is imported when it is called."""

from casemate.cli.commands import main

__all__ = ["main"]
