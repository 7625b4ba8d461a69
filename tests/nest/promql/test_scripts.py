"""Every `eval` of the scripts in `cases/`, as it stands and as the middle of a range."""

from __future__ import annotations

from pathlib import Path

import pytest

from temponest.nest.promql.engine import Engine
from temponest.nest.promql.evaluate import BY_EVALUATOR
from temponest.nest.promql.functions import FUNCTIONS
from temponest.nest.promql.signatures import SIGNATURES

from .script import Step, near, steps
from .series_text import duration

STEPS = {
    f"{path.stem}:{step.line}": step
    for path in sorted((Path(__file__).parent / "cases").glob("*.test"))
    for step in steps(path.read_text())
}
INSTANT = {
    name: step
    for name, step in STEPS.items()
    if step.command.startswith(("eval instant", "eval_ordered instant"))
    # A query that fails, is a string, or is about the range itself, has no middle.
    and not any(line.startswith(("expect fail", "expect string")) for line in step.expected)
    and not any(word in step.query for word in ("step()", "range()", "start()"))
}


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_a_query_has_the_answer_of_its_script(step: Step) -> None:
    step.run()


@pytest.mark.parametrize("step", INSTANT.values(), ids=INSTANT)
def test_an_instant_query_is_the_middle_step_of_a_range(step: Step) -> None:
    _, _, rest = step.command.partition(" at ")
    at, query = rest.split(" ", 1)
    if "end()" in query:
        pytest.fail("@ end() means another time in a range: use it in range queries only")
    engine, time_ms = Engine(step.memory), duration(at)
    instant = engine.instant(query, time_ms)
    around = engine.range(query, time_ms - 60_000, time_ms + 60_000, 60_000)
    middle = {
        tuple(sorted(row.labels.items())): value
        for row in around.rows
        for time, value in row.samples
        if time == time_ms
    }
    wanted = {tuple(sorted(row.labels.items())): row.samples[0][1] for row in instant.rows}
    assert middle.keys() == wanted.keys()
    for labels, sample in wanted.items():
        assert near(middle[labels], sample), labels


def test_every_function_with_a_signature_is_evaluated_in_one_place() -> None:
    assert sorted([*BY_EVALUATOR, *FUNCTIONS]) == sorted(SIGNATURES)
