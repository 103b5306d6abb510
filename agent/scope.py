"""What a section is graded on: its own turns, and what the candidate said of its criteria in other sections.

The same content counts wherever it was said. People speak of sharding while they draw the architecture and of owners at the end: in the
gold set more than half of the deciding quotes stand outside their criterion's section.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby

from agent.estimator import Said, asked_in, said_in
from agent.library import Library
from agent.schema import ChangeVerdict, Gradable, Rubric, SectionResult, Transcript, Turn, Verdict
from agent.scoring import section_result
from agent.settings import ELSEWHERE
from agent.text import sentences
from agent.vocabulary import Vocabulary

LEFT_OUT = " [...] "  # between sentences of a turn that are shown without what stands between them


@dataclass(frozen=True)
class Assessment:
    """What is graded: one section of a transcript, in the light of all that was said."""

    transcript: Transcript
    section: str

    @cached_property
    def turns(self) -> tuple[Turn, ...]:
        """What was said in the section."""
        return tuple(turn for turn in self.transcript.turns if turn.section == self.section)

    @cached_property
    def answers(self) -> list[tuple[int, str]]:
        """The candidate's turns in the section: (number, text)."""
        return [(turn.n, turn.text) for turn in self.turns if turn.speaker == "candidate"]

    @cached_property
    def said(self) -> list[Said]:
        """The candidate's turns of the whole interview: the same content counts wherever it was said."""
        return said_in(self.transcript.turns)

    @cached_property
    def asked(self) -> list[str]:
        """The interviewer's turns of the whole interview."""
        return asked_in(self.transcript.turns)

    def result(self, library: Library, verdicts: Sequence[Verdict], grader: str, change: ChangeVerdict | None = None) -> SectionResult:
        """The graded section, from its verdicts; beside its score what became of the constraint change that came in it."""
        level, seen = self.transcript.level, len(self.transcript.turns)
        result = section_result(library.section(self.section), library.rubrics[self.section], verdicts, level, grader, seen)
        return result.model_copy(update={"change": change})


@dataclass(frozen=True)
class Scope:
    """What a model reads to grade a section: the section's own turns, and what was said elsewhere: turns, whole or without the sentences for
    which there was no room."""

    assessment: Assessment
    elsewhere: tuple[Said, ...]

    @cached_property
    def texts(self) -> list[tuple[int, str]]:
        """All that may be quoted: (turn, text), whole turns."""
        return [*self.assessment.answers, *((one.turn, self.text(one.turn)) for one in self.elsewhere)]

    def text(self, turn: int) -> str:
        """The whole turn of this number."""
        return next(one.text for one in self.assessment.said if one.turn == turn)


def scope_of(assessment: Assessment, rubric: Rubric, vocabulary: Vocabulary, most_words: int = ELSEWHERE) -> Scope:
    """The scope of a section. Where more was said elsewhere than `most_words`, the sentences that share most words with the rubric are kept,
    in the order in which they were said."""
    others = [one for one in assessment.said if one.section != assessment.section]
    return Scope(assessment, shortened(others, rubric.criteria, vocabulary, most_words))


def shortened(said: Sequence[Said], criteria: Sequence[Gradable], vocabulary: Vocabulary, most_words: int) -> tuple[Said, ...]:
    """Some turns with at most so many words: the sentences that share most words with the criteria, in the order in which they were said."""
    if sum(len(one.text.split()) for one in said) <= most_words:
        return tuple(said)
    pieces = [(one, sentence) for one in said for sentence in sentences(one.text)]
    shares = vocabulary.shares([sentence for _, sentence in pieces], criteria).max(axis=1)
    kept, room = [], most_words
    for place in sorted(range(len(pieces)), key=lambda place: (-shares[place], place)):
        room -= len(pieces[place][1].split())
        if room < 0:
            break
        kept.append(place)
    turns = groupby((pieces[place] for place in sorted(kept)), key=lambda piece: piece[0])
    return tuple(replace(one, text=LEFT_OUT.join(sentence for _, sentence in chosen)) for one, chosen in turns)
