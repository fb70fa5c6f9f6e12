"""The one exception that every refusal is, when converting as when running."""

from __future__ import annotations

from enum import Enum


class Errc(Enum):
    """What kind of refusal it is, for programs; the names are those of the C++ API."""

    BadModel = "BadModel"
    BadInput = "BadInput"
    BadShape = "BadShape"
    Unsupported = "Unsupported"
    OutOfMemory = "OutOfMemory"
    OverBudget = "OverBudget"
    Io = "Io"
    Busy = "Busy"
    Cancelled = "Cancelled"


class Error(Exception):
    """`code` is for programs, `where` names the node, field or argument, the text is for people."""

    def __init__(self, code: Errc, where: str, message: str) -> None:
        super().__init__(f"{where}: {message}" if where else message)
        self.code = code
        self.where = where
        self.message = message

    def __reduce__(self) -> tuple[type[Error], tuple[Errc, str, str]]:
        return (type(self), (self.code, self.where, self.message))


class Disagreement(Error):
    """The converted network does not answer as its source does; nothing was written."""


EXIT_CODES = {
    Errc.BadModel: 2,
    Errc.BadInput: 2,
    Errc.BadShape: 2,
    Errc.Unsupported: 3,
    Errc.OutOfMemory: 5,
    Errc.OverBudget: 5,
    Errc.Io: 4,
    Errc.Busy: 1,
    Errc.Cancelled: 1,
}


def exit_code(error: Error) -> int:
    """The exit code of a command that ends with this error."""
    return 6 if isinstance(error, Disagreement) else EXIT_CODES[error.code]
