"""
Everything this package raises on purpose, grouped by who has to act.

    BridgeError
      ConfigError               the operator, before the server starts
        SettingsError             .problems
        MappingFilesError         .problems, each with file, line and column
      RequestError              the sender; .status_code is the answer
        SignatureMissing          401
        SignatureMismatch         401
        TenantMismatch            401
        UnknownStore              404
        WrongMethod               405
        BodyTooLarge              413
        BodyTooSlow               408
      EventError                the mapping's author; the event is parked as a dead letter
        BodyUnreadable            .problems
        EventUnmappable           .problems
        PayloadInvalid            .problems
      FetchFailed               another server; .transient says whether later may be better
      JournalError              us
        JournalUnavailable        the journal cannot be read or written now
        JournalUnusable           it cannot be opened at all: the server does not start
        BodySealed                what was kept of one entry is encrypted with a missing key

A class is added only when some caller must act differently on it.  What is expected is
returned, not raised: a duplicate, an unmapped topic and a `when` that is false are outcomes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from bridge.causes import Stage
from bridge.types import Cause, Problem

_ANY_ELEMENT = re.compile(r"\[[0-9]+\]")


class BridgeError(Exception):
    """Base of every error raised on purpose.  Anything else is a bug."""


class ConfigError(BridgeError):
    """The bridge cannot start as configured."""


class SettingsError(ConfigError):
    """Environment variables are missing, wrong or unknown."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class MappingFilesError(ConfigError):
    """Mapping files are wrong; every mistake of every file is in `problems`."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


class RequestError(BridgeError):
    """The request is refused; nothing was written anywhere."""

    status_code = 400


class SignatureMissing(RequestError):
    """No signature was sent."""

    status_code = 401


class SignatureMismatch(RequestError):
    """A signature was sent, and nothing that is configured produces it."""

    status_code = 401


class TenantMismatch(RequestError):
    """The webhook speaks of another shop than the store it was sent to."""

    status_code = 401


class UnknownStore(RequestError):
    """No store of that name is configured."""

    status_code = 404


class WrongMethod(RequestError):
    """The request is none that the platform sends a webhook with."""

    status_code = 405


class BodyTooLarge(RequestError):
    """The body is longer than the limit."""

    status_code = 413


class BodyTooSlow(RequestError):
    """The body did not arrive in time."""

    status_code = 408


class EventError(BridgeError):
    """A proven webhook that cannot become what its mapping promises."""

    stage: Stage

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(str(problem) for problem in problems))
        self.problems = tuple(problems)

    @property
    def causes(self) -> tuple[Cause, ...]:
        """Its problems without what is of this webhook alone, each once."""
        told = (
            Cause(self.stage, one.code, one.file, one.line, _ANY_ELEMENT.sub("[]", one.field))
            for one in self.problems
        )
        return tuple(dict.fromkeys(told))


class BodyUnreadable(EventError):
    """The body is not what its content type says."""

    stage = "read"


class EventUnmappable(EventError):
    """The source file's lines do not fit this webhook."""

    stage = "map"


class PayloadInvalid(EventError):
    """The destination file's lines made a payload that the endpoint's model refuses."""

    stage = "validate"


class FetchFailed(BridgeError):
    """What a webhook leaves out could not be fetched from the store."""

    def __init__(
        self,
        message: str,
        *,
        transient: bool,
        retry_after: float | None = None,
        few: int | None = None,
        code: str = "no_answer",
        field: str = "",
    ) -> None:
        super().__init__(message)
        self.code = code  #: a word of `bridge.causes`, or ``http_404``
        self.field = field  #: which fetch
        self.transient = transient
        self.retry_after = retry_after
        #: Attempts after which it is given up: the server is well, and has not got it.
        self.few = few


class JournalError(BridgeError):
    """The journal is in trouble."""


class JournalUnavailable(JournalError):
    """The journal cannot be read or written at the moment."""


class JournalUnusable(JournalError):
    """The journal cannot be opened: damaged, newer than this program, or not ours to write."""


class BodySealed(JournalError):
    """What was kept of an entry is encrypted, and no key that is configured opens it."""
