"""The two graphs. `conduct` makes one move of an interview; `assess` grades one section."""

from typing import Any

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from agent import nodes
from agent.state import AssessState, ConductState, InterviewContext


def build_conduct(checkpointer: Any = None) -> CompiledStateGraph[ConductState, InterviewContext]:
    """START -> observe -> decide -> ask, or open_section -> ask, or close. A run takes a state and returns new events.

    The event log makes a checkpointer needless; one can be given to run the graph in LangGraph's own tools.
    """
    graph = StateGraph(ConductState, context_schema=InterviewContext)
    graph.add_node("observe", nodes.observe)
    graph.add_node("decide", nodes.decide)
    graph.add_node("open_section", nodes.open_section)
    graph.add_node("ask", nodes.ask)
    graph.add_node("close", nodes.close)
    graph.add_edge(START, "observe")
    graph.add_edge("observe", "decide")
    graph.add_conditional_edges("decide", nodes.route, {"ask": "ask", "open_section": "open_section", "close": "close"})
    graph.add_edge("open_section", "ask")
    graph.add_edge("ask", END)
    graph.add_edge("close", END)
    return graph.compile(checkpointer=checkpointer, name="conduct")


def build_assess(checkpointer: Any = None) -> CompiledStateGraph[AssessState, InterviewContext]:
    """START -> judge, or skip a section that was never reached."""
    graph = StateGraph(AssessState, context_schema=InterviewContext)
    graph.add_node("judge", nodes.judge)
    graph.add_node("skip", nodes.skip)
    graph.add_conditional_edges(START, nodes.reached, {"judge": "judge", "skip": "skip"})
    graph.add_edge("judge", END)
    graph.add_edge("skip", END)
    return graph.compile(checkpointer=checkpointer, name="assess")
