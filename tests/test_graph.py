"""The graphs as they are drawn, and what goes through them."""

from pathlib import Path

from agent.assembly import Parts
from agent.clock import ManualClock
from agent.graph import build_assess, build_conduct
from agent.schema import Transcript, Turn


def edges(graph) -> set[tuple[str, str, bool]]:
    return {(edge.source, edge.target, edge.conditional) for edge in graph.get_graph().edges}


def test_the_conduct_graph_is_the_agreed_one() -> None:
    assert edges(build_conduct()) == {
        ("__start__", "observe", False),
        ("observe", "decide", False),
        ("decide", "ask", True),
        ("decide", "open_section", True),
        ("decide", "close", True),
        ("open_section", "ask", False),
        ("ask", "__end__", False),
        ("close", "__end__", False),
    }


def test_the_assess_graph_is_the_agreed_one() -> None:
    assert edges(build_assess()) == {
        ("__start__", "judge", True),
        ("__start__", "skip", True),
        ("judge", "__end__", False),
        ("skip", "__end__", False),
    }


async def test_a_section_that_was_not_reached_is_skipped_and_not_graded(parts: Parts) -> None:
    transcript = Transcript(turns=(Turn(n=1, section="0", speaker="candidate", text="I would take what the team knows."),))
    context = parts.context(ManualClock())
    for section, status in (("0", "graded"), ("6", "not_reached")):
        run = await build_assess().ainvoke({"transcript": transcript, "section": section}, context=context)
        assert run["result"].status == status


def test_the_graphs_fit_one_screen() -> None:
    import agent.graph

    assert len(Path(agent.graph.__file__).read_text().splitlines()) <= 60
