"""What can go wrong, by name. Each message says what happened and what to do."""


class InterviewError(Exception):
    """The parent of every failure this package raises on purpose."""


class ConfigurationError(InterviewError):
    """A setting, a prompt file or the corpus is wrong; the message names the file and, where known, the line."""


class ModelUnavailable(InterviewError):
    """The language model did not answer in time, refused the connection or broke off in mid-reply.

    `transient`: the same call may work if tried again, after `retry_after` seconds if the endpoint named a pause. `refused`: the
    endpoint may not know what it was asked to do.
    """

    def __init__(self, message: str, transient: bool = False, refused: bool = False, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.transient, self.refused, self.retry_after = transient, refused, retry_after


class HeldBack(ModelUnavailable):
    """The language model answered, but with words that the candidate must not hear: another wording is asked for.

    `mention`: the number or the name that nobody had brought up, where that was the reason.
    """

    def __init__(self, message: str, mention: str = "") -> None:
        super().__init__(message, transient=True)
        self.mention = mention


class MalformedReply(InterviewError):
    """The language model answered, but not in the form that was asked for, even after one repair.

    `answer` is what it said; `earlier` holds the failure that the repair was asked for after.
    """

    def __init__(self, message: str, answer: str = "") -> None:
        super().__init__(message)
        self.answer = answer
        self.earlier: tuple[MalformedReply, ...] = ()


class RetrievalError(InterviewError):
    """The index of the framework cannot be read or built."""


class Conflict(InterviewError):
    """Somebody else wrote to this interview first, or this message was already received; nothing was applied."""


class NotFound(InterviewError):
    """There is no such interview, scenario or section, or it belongs to somebody else."""


class UnreadableTranscript(InterviewError):
    """A transcript file cannot be understood; the message says where."""
