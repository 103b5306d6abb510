"""What leads away from the question, and what breaks off: read from the words alone, in a millisecond."""

import re
from functools import cached_property

from py3langid.langid import MODEL_FILE, LanguageIdentifier

from agent.schema import Drift
from agent.text import sentences, words

LANGUAGES = ("en", "de", "fr", "es", "it", "pt", "nl", "pl", "tr", "cs", "sv", "ru", "uk", "zh", "ja", "ko", "hi", "ar")
FEWEST_WORDS = 6  # a shorter text can be in any language
SURE = 0.9  # probability of another language; in 512 turns of recorded interviews none reaches it
TERSE = 3  # words: "Postgres." or "A cache, yes." is no answer to an open question
LONG = 220  # words of an answer that nobody says in one breath
FASTEST = 240.0  # words a minute: who is faster has pasted it
CODE_LINES, CODE_SHARE = 6, 0.5  # lines of code in a row of which an answer consists
HEADED_LINES = 4  # headings and bullets that make a document of a long text

_RUDE = re.compile(
    r"\b(?:f+u+c+k\w*|bullshit|a+ss+hole\w*|idiot\w*|moron\w*|stupid (?:question|interview\w*|bot|machine|program)|shut up|go to hell|screw (?:you|this)"
    r"|piss off|waste of (?:my )?time|you(?:'re| are) (?:useless|an? (?:joke|clown|fool|idiot))|dumb (?:question|bot|interview\w*))\b",
    re.IGNORECASE,
)
_CODE = re.compile(
    r"^\s*(?:(?:def|class|func|function|public|private|import|from|return|const|let|var|package|type|struct|interface|if|for|while|else|try|catch)\b.*[:{;)(]\s*$"
    r"|[\w.<>\[\]\"' ]+\s*(?:=|:=|=>|->)\s*.+[;{(,]?\s*$|[{}\[\]();,]+\s*$|[\w.]+\(.*\);?\s*$|(?:SELECT|INSERT|UPDATE|DELETE|CREATE|ALTER)\b.+|@\w+.*$|#include\b.*|//.*|\"\w+\":\s.+)"
)
_HEADED = re.compile(r"^\s*(?:#{1,6}\s|[-*\u2022]\s|\d+[.)]\s|\|.*\|)", re.MULTILINE)
_UNFINISHED = re.compile(
    r"(?:[,:;\-\u2014]|\.\.\.|\u2026|\b(?:and|or|but|so|because|then|the|a|to|with|which|also|plus))\s*$"
    r"|\b(?:one (?:more|last|other) (?:thing|point)|let me (?:just )?(?:finish|add)|i(?:'m| am) not (?:done|finished)|two more (?:things|points)"
    r"|still (?:thinking|have)|let me think|(?:i(?:'d| would|'ll| will)|next i) (?:still |also )?(?:want to|need to|like to) (?:say|add|cover|mention))\b[^.?!]*[.?!]?\s*$",
    re.IGNORECASE,
)
_ASSUMES = re.compile(
    r"\b(?:i(?:'ll| will|'d| would| am going to|'m going to)? (?:just )?(?:assume|suppose|take it that)|(?:let'?s|let us|we(?:'ll| can| could)?|then i) (?:just )?(?:assume|say|suppose)"
    r"|assuming|my assumption|assumption(?: is)?:?|say it(?:'s| is)|i(?:'ll| will) (?:take|go with|call it|work with))\b",
    re.IGNORECASE,
)


class Drifts:
    """Tells what leads away from the question. `off topic` needs to know the design and is told by the observer."""

    def of(self, text: str, seconds: float, english: bool = True) -> Drift | None:
        """The drift of an answer that took so many seconds; None for an answer. `english`: the interview is held in English."""
        count = len(words(text))
        if _RUDE.search(text):
            return "rude"
        if is_code(text):
            return "code"
        if english and count >= FEWEST_WORDS and self.foreign(text):
            return "language"
        if count > LONG and (count > FASTEST * seconds / 60.0 or len(_HEADED.findall(text)) >= HEADED_LINES):
            return "document"
        return "terse" if count <= TERSE else None

    def foreign(self, text: str) -> bool:
        """Whether a text is surely in another language than English."""
        language, probability = self._languages.classify(text)
        return bool(language != "en" and probability >= SURE)

    @cached_property
    def _languages(self) -> LanguageIdentifier:
        made = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
        made.set_languages(list(LANGUAGES))
        return made


def is_code(text: str) -> bool:
    """Whether an answer consists mostly of lines of code."""
    lines = [line for line in text.splitlines() if line.strip() and not line.strip().startswith("```")]
    found = sum(bool(_CODE.match(line)) for line in lines)
    return found >= CODE_LINES and found >= CODE_SHARE * len(lines)


def breaks_off(text: str) -> bool:
    """Whether an answer ends in mid-thought."""
    return bool(_UNFINISHED.search(text.rstrip()))


def assumptions(text: str, invited: bool) -> tuple[str, ...]:
    """The sentences that state an assumption, as they were said. `invited`: the interviewer has just asked for one, so that a short answer
    is one without saying so."""
    stated = [part for part in sentences(text) if not part.rstrip().endswith("?")]
    found = [part for part in stated if _ASSUMES.search(part)]
    if not found and invited and stated:
        found = [next((part for part in stated if re.search(r"\d", part)), stated[0])]
    return tuple(part for part in found if len(words(part)) >= TERSE)
