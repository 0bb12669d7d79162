"""The recorded graph of a run, with what each call would do now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from flytenb.client.foresee import Step, expected_seconds
from flytenb.client.plans import Plan, PlanRow
from flytenb.model.snapshot import ActionRow


@dataclass(slots=True)
class Node:
    """A recorded call and what it would do."""

    row: ActionRow
    run: str
    children: list[Node] = field(default_factory=list)
    verdict: str = ""
    why: str = ""
    #: What it gives may differ from last time.
    is_other: bool = False
    #: An equal call would be taken from the cache.
    would_hit: bool = False


def nodes_of(run: str, rows: Sequence[ActionRow]) -> dict[str, Node]:
    """The graph of a run by action."""
    nodes: dict[str, Node] = {}
    for row in rows:
        nodes[row.name] = Node(row, run)
        if row.parent in nodes:
            nodes[row.parent].children.append(nodes[row.name])
    return nodes


def plan_of(task: str, based_on: str, root: Node, cpu: float) -> Plan:
    """The plan of a graph whose calls have their verdicts."""
    steps = [step_of(root)]
    return Plan(
        task=task,
        based_on=based_on,
        rows=tuple(folded([root], 0)),
        expected_s=expected_seconds(steps, cpu, with_unknown=True),
        least_s=expected_seconds(steps, cpu, with_unknown=False),
    )


def step_of(node: Node) -> Step:
    """A call for the forecast of time."""
    row = node.row
    return Step(
        verdict=node.verdict,
        seconds=took(node.row),
        begin=row.accepted_at,
        end=row.ended_at,
        children=[step_of(child) for child in node.children],
    )


def folded(nodes: Sequence[Node], depth: int) -> Iterable[PlanRow]:
    """Rows of equal tasks at one depth, as the run's view folds them."""
    by_task: dict[str, list[Node]] = {}
    for node in nodes:
        by_task.setdefault(node.row.task, []).append(node)
    for task, members in by_task.items():
        why = next((node.why for node in members if node.verdict == "run"), "")
        why = why or next((node.why for node in members if node.verdict == "unknown"), "")
        likely = sum(node.would_hit for node in members if node.verdict == "unknown")
        if likely:
            why += f"; {likely} of them would be taken from the cache if called as before"
        yield PlanRow(
            task=task,
            depth=depth,
            count=len(members),
            hit_count=sum(node.verdict == "hit" for node in members),
            run_count=sum(node.verdict == "run" for node in members),
            unknown_count=sum(node.verdict == "unknown" for node in members),
            why=why,
            seconds=sum(took(node.row) for node in members if node.verdict != "hit"),
        )
        below = [child for node in members if node.verdict != "hit" for child in node.children]
        yield from folded(below, depth + 1)


def took(row: ActionRow) -> float:
    """Seconds that a call, or the result that it took, once took."""
    if row.is_cached:
        return row.saved_s
    return max(0.0, row.ended_at - row.started_at) if row.started_at else 0.0
