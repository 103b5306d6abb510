"""What a candidate wants with an utterance: a command if a whole sentence of it is one, a question, or an answer."""

import re
from typing import TYPE_CHECKING

from agent.events import Intent
from agent.text import sentences, words

if TYPE_CHECKING:
    from agent.facts import Asked

SHORT = 14  # words: a longer sentence is no command

_POLITE = r"(?:(?:ok|okay|so|well|um+|uh+|sorry|please|right|and|but|then|alright|fine)\W+)*"
_PATTERNS: tuple[tuple[Intent, str], ...] = (  # each must be the whole of a sentence, so that no answer is taken for a command
    (
        "end",
        r"(?:let'?s |(?:can|could) we |i(?:'d like| want| would like) to )?(?:end|finish|stop|quit|abort) (?:the |this )?(?:interview|session|here)\b.{0,20}",
    ),
    (
        "pause",
        r"(?:(?:can|could|may) (?:we|i) |let'?s |i need to |i'?d like to )?(?:please )?(?:pause|take a (?:short |quick )?break)(?: (?:please|here|now|for .{1,20}))*",
    ),
    ("pause", r"(?:be right back|brb|i need a (?:short |quick )?break|hold on a (?:minute|moment|second))"),
    (
        "hint",
        r"(?:(?:can|could|may) (?:i|you|we) (?:please )?(?:have|get|give|give me|offer) (?:me )?(?:a|another|one more) hint|(?:please )?(?:give me )?(?:a |another )?hint)\b.{0,40}",
    ),
    ("hint", r"(?:i need a hint|i(?:'m| am) (?:really |completely |a bit )?stuck|help me out|point me in the right direction)\b.{0,30}"),
    (
        "repeat",
        r"(?:(?:can|could|would) you )?(?:please )?(?:repeat|rephrase)(?: (?:that|it|the question|your question|this|please|once more|again))*",
    ),
    (
        "repeat",
        r"(?:(?:can|could) you )?say (?:that|it) again.{0,12}|what was the question|come again|pardon(?: me)?|(?:sorry )?what do you mean(?: (?:by (?:that|this)|exactly))?",
    ),
    (
        "repeat",
        r"(?:sorry |i'?m afraid )?i (?:don'?t|do not|didn'?t|did not) (?:quite |really )?(?:understand|get|follow)(?: (?:the|your|that|this|what)\b.{0,30})?",
    ),
    ("repeat", r"(?:is|was) (?:that|this) what you (?:mean|meant|asked|want|wanted).{0,20}|am i answering (?:your|the) question.{0,20}"),
    (
        "done",
        r"(?:next|skip|done|moving on|move on)(?: (?:please|this|it|that|one|section|topic|part|question|the section|this section|with this(?: section)?))*",
    ),
    (
        "done",
        r"(?:let'?s|let us|can we|could we|we can|shall we|i'?d like to|i want to) (?:go on|move on|continue|skip (?:this|it|that).*|(?:go|move|jump|turn|switch|proceed)(?: on| over)? to .{3,50})",
    ),
    ("done", r"(?:i think )?(?:i'?m|i am|we'?re|we are) (?:done|finished)(?: (?:here|now|with .{1,30}))*|go on to .{3,40}"),
    (
        "done",
        r"(?:i think )?that'?s (?:it|all|everything)(?: (?:for now|for this.{0,20}|for me|from me|from my side|i have.{0,20}|i'?ve got.{0,20}|i can think of))*",
    ),
    ("done", r"(?:i have |i'?ve |there'?s )?(?:nothing|no) (?:more|else|left|further).{0,40}|that covers it.{0,20}|i have nothing to add.{0,20}"),
)
_COMMANDS = tuple((intent, re.compile(rf"\W*{_POLITE}(?:{pattern})\W*", re.IGNORECASE)) for intent, pattern in _PATTERNS)
_STUCK = re.compile(
    r"^\W*(?:(?:um+|uh+|hm+|well|sorry|honestly|so)\W+)*(?:i (?:really )?(?:don'?t|do not) know|no idea|not sure"
    r"|i'?m not sure|i am not sure|i have no idea|i haven'?t (?:thought|worked)|my mind is blank|pass|dunno|idk|i can'?t think|no clue|\?+|\.+)(?:\b|$)",
    re.IGNORECASE,
)
_WH = r"(?:what|how|who|which|where|when|why)"
_AUXILIARY = r"(?:is|are|was|were|do|does|did|can|could|should|will|would|must|have|has|may|shall)"
_SIZE = r"(?:many|much|big|large|often|long|fast|quickly|high|strict|old|far)"
_AT = r"(?:in|on|at|after|for|to|from|of|by|with|over|under|about|roughly|exactly)"
# A question in its form: "what is the budget", "how many users", "in what order", "do we need", "can I assume", "tell me about".
INTERROGATIVE = re.compile(
    rf"(?:^|[,;:]\s*|\b(?:and|or|so|but|okay|ok|first|second|also|then)\W+)(?:{_AT}\s+)?"
    rf"(?:{_WH}(?:(?:'s|'re)\s+\w+|\s+(?:{_AUXILIARY}|{_SIZE}|kind|sort|about|{_WH}))\b"
    rf"|(?:{_WH}\s+[\w-]+|(?:which|what)\s+(?:[\w-]+\s+){{1,4}}[\w-]+)\s+{_AUXILIARY}\b|{_AUXILIARY}n?'?t?\s+(?:i|we|you|they|it|there|this|that|the|our|users?|people|all|any)\b)",
    re.IGNORECASE,
)
DIRECT = re.compile(  # asks without a question mark
    rf"\b(?:(?:can|could|may|should|shall) (?:i|we) assume|i(?:'d| would) (?:like|want|need) to (?:know|ask|understand)|tell me|let me ask|i was wondering)\b"
    rf"|^\W*{_POLITE}{_WH}\s+(?:{_AUXILIARY}|{_SIZE})\s+(?:i|we|you|they|it|there|this|that|the|our|users?|people|requests?|messages?)\b[^,;]*$",
    re.IGNORECASE,
)
SUPPOSING = re.compile(r"^\W*(?:what if|what happens (?:if|when)|why not|right|ok|okay)\b", re.IGNORECASE)

PERMISSION = re.compile(  # "Should I start?" asks for no fact
    r"^\W*(?:(?:okay|ok|so|well|and|then|now)\W+)*(?:should|shall|may|can) (?:i|we) (?:just )?(?:start|begin|go on|go ahead|continue|carry on|move on|proceed)\b[^?]*\?\s*$",
    re.IGNORECASE,
)

LEAVE = re.compile(  # asks whether the interviewer agrees: "does that sound right to you?"
    r"\b(?:does|do|would|is|are|was)\b[^?.]*\b(?:sound|seem|look|agree|make sense|work for you|okay?|fine|right|reasonable|sensible|enough)\b[^?.]*\?\s*$",
    re.IGNORECASE,
)
YES = re.compile(
    r"\W*(?:yes|yeah|yep|yup|right|exactly|precisely|correct|sure|indeed|please|ok|okay|uh-?huh|mm-?hm+|(?:that'?s|that is) (?:it|right|the one|what i))\b",
    re.IGNORECASE,
)
OWN_ANSWER = re.compile(r"\W*(?:because|since|yes|no|well|it(?:'s| is| does)|they (?:are|do)|simply)\b", re.IGNORECASE)
NO = re.compile(r"\W*(?:no|nope|not (?:quite|really|exactly|that))\b", re.IGNORECASE)


def intent_of(text: str, asked: "Asked") -> Intent:
    """What the candidate wants with an utterance: a command if its last sentence is one, else a question, else an answer."""
    parts = sentences(text)
    if not words(text):
        return "stuck"
    wanted = command_of(parts[-1])
    if wanted is None and len(words(text)) <= 2 * SHORT:
        wanted = next((intent for part in parts if (intent := command_of(part)) in ("hint", "repeat")), None)
    if wanted is not None:
        return wanted
    if len(words(text)) <= SHORT and _STUCK.search(text):
        return "stuck"
    if len(words(text)) <= SHORT and PERMISSION.search(text):
        return "clarify"  # with nothing to tell: "Go on."
    if (asked.facts or asked.checks or asked.unknown) and (_asks(parts[-1]) or stated(text) <= 2 * SHORT):
        return "clarify"
    return "answer"


def stated(text: str) -> int:
    """How many words of an utterance are statements and not questions."""
    return len(words(" ".join(part for part in sentences(text) if not _asks(part))))


def _asks(sentence: str) -> bool:
    return sentence.rstrip().endswith("?") or bool(DIRECT.search(sentence))


def command_of(sentence: str) -> Intent | None:
    """The command that a whole sentence is, if it is one."""
    if len(words(sentence)) > SHORT:
        return None
    clauses = (sentence, sentence.rsplit(", ", 1)[-1])  # "nothing to add, let's go on"
    return next((intent for clause in clauses for intent, pattern in _COMMANDS if pattern.fullmatch(clause)), None)
