"""Calls of language models: the conversation of a trace, and the messages of a span."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.web.browser import exported
from tests.web.record import CLIENT, INTERNAL, MS, SERVER, Maker, Record, Value
from tests.web.standin import StandIn
from tests.web.test_pages import AXE, violations

HOSTILE = '<img src=x onerror="window.hurt=1"><script>window.hurt=1</script>'
SYSTEM = [{"type": "text", "content": "You answer briefly."}]
QUESTION = {"role": "user", "parts": [{"type": "text", "content": f"How warm is it in Oslo? {HOSTILE}"}]}
ASKS = {
    "role": "assistant",
    "parts": [
        {"type": "reasoning", "content": "A tool knows."},
        {"type": "tool_call", "id": "call-1", "name": "weather", "arguments": {"city": "Oslo"}},
    ],
}
TOLD = {"role": "tool", "parts": [{"type": "tool_call_response", "id": "call-1", "response": {"celsius": 4}}]}
ANSWER = {"role": "assistant", "parts": [{"type": "text", "content": "It is 4 °C. " + "Dress well. " * 300}]}


def said(value: object) -> str:
    return json.dumps(value)


def chat(model: str, tokens: tuple[int, int], *finish: str, **further: Value) -> dict[str, Value]:
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": model,
        "gen_ai.usage.input_tokens": tokens[0],
        "gen_ai.usage.output_tokens": tokens[1],
        "gen_ai.response.finish_reasons": list(finish),
        **{key.replace("__", "."): value for key, value in further.items()},
    }


@pytest.fixture
def spans(standin: StandIn) -> list[Record]:
    """An agent asks a model, runs the tool it wants, and asks again; a judge speaks an older convention."""
    at = next(iter(standin.traces.values()))[0].start
    maker = Maker(5)

    def span(parent: Record | None, name: str, kind: int, after: int, took: int) -> Record:
        return maker.span(parent, "temponest-agents", name, kind, at + after * MS, took * MS)

    root = span(None, "POST /ask", SERVER, 0, 3000)
    agent = span(root, "invoke_agent forecaster", INTERNAL, 10, 2500)
    agent.attributes |= {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": "forecaster",
        "gen_ai.usage.input_tokens": 1700,
        "gen_ai.usage.output_tokens": 120,
        "gen_ai.input.messages": said([QUESTION]),
        "gen_ai.output.messages": said([{**ANSWER, "finish_reason": "stop"}]),
    }
    first = span(agent, "chat gpt-large", CLIENT, 20, 800)
    first.attributes |= chat(
        "gpt-large",
        (700, 40),
        "tool_calls",
        gen_ai__response__model="gpt-large-2026",
        gen_ai__system_instructions=said(SYSTEM),
        gen_ai__input__messages=said([QUESTION]),
        gen_ai__output__messages=said([{**ASKS, "finish_reason": "tool_calls"}]),
    )
    tool = span(agent, "execute_tool weather", INTERNAL, 900, 200)
    tool.attributes |= {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "weather",
        "gen_ai.tool.call.id": "call-1",
        "gen_ai.tool.call.arguments": said({"city": "Oslo"}),
        "gen_ai.tool.call.result": said({"celsius": 4}),
    }
    second = span(agent, "chat gpt-large", CLIENT, 1200, 1000)
    second.attributes |= chat(
        "gpt-large",
        (1000, 80),
        "stop",
        gen_ai__response__model="gpt-large-2026",
        gen_ai__system_instructions=said(SYSTEM),
        gen_ai__input__messages=said([QUESTION, ASKS, TOLD]),
        gen_ai__output__messages=said([{**ANSWER, "finish_reason": "stop"}]),
    )
    judge = span(root, "chat judge", CLIENT, 2600, 300)
    judge.attributes |= chat("judge", (30, 2))
    judge.error = "429 Too Many Requests"
    judge.events = [
        (judge.start, "gen_ai.user.message", {"content": "Is the answer polite?"}),
        (judge.start + MS, "gen_ai.choice", {"message": said({"role": "assistant", "content": "It is."})}),
    ]
    spans = [root, agent, first, tool, second, judge]
    standin.traces[root.trace_id.hex()] = spans
    return spans


def address(spans: list[Record], rest: str = "") -> str:
    return f"/trace/{spans[0].trace_id.hex()}{rest}"


def turns(page: Page) -> Locator:
    return page.get_by_role("list", name="Conversation").get_by_role("listitem")


def test_the_conversation_is_shown_in_order_and_nothing_twice(page: Page, spans: list[Record]) -> None:
    page.goto(address(spans))
    page.get_by_role("tab", name="Model calls").click()
    expect(page).to_have_url(re.compile("view=genai"))
    agent, first, tool, second, judge = (turns(page).nth(i) for i in range(5))
    expect(turns(page)).to_have_count(5)
    expect(agent.get_by_role("group", name="user message")).to_contain_text(f"in Oslo? {HOSTILE}")
    expect(first.get_by_role("group", name="system message")).to_contain_text("You answer briefly.")
    expect(first.get_by_role("group", name="assistant message")).to_contain_text(
        re.compile(r'calls weather\s*{\s*"city": "Oslo"')
    )
    expect(first).to_contain_text("1 message repeated from above")
    expect(tool).to_contain_text(re.compile(r'result\s*{\s*"celsius": 4'))
    expect(tool).not_to_contain_text("arguments")
    expect(second).to_contain_text("4 messages repeated from above")
    expect(second.get_by_role("group")).to_have_count(1)
    expect(judge.get_by_role("group", name="user message")).to_contain_text("Is the answer polite?")
    expect(judge.get_by_role("group", name="assistant message")).to_contain_text("It is.")
    assert page.evaluate("[window.hurt, document.querySelector('main img')]") == [None, None]


def test_models_tokens_times_and_failures_are_told_for_each_call_and_together(
    page: Page, spans: list[Record]
) -> None:
    page.goto(address(spans, "?view=genai"))
    box = page.get_by_role("group", name="Model calls")
    for words in ("3 model calls", "1 tool call", "1 agent", "1,730 tokens in", "122 tokens out", "1 error"):
        expect(box.get_by_text(words).first).to_be_visible()
    expect(turns(page).nth(1)).to_contain_text("asked for gpt-large")
    expect(turns(page).nth(1)).to_contain_text("700 tokens in, 40 out")
    expect(turns(page).nth(1)).to_contain_text("stopped: tool_calls")
    expect(turns(page).nth(4)).to_contain_text("429 Too Many Requests")
    row = page.get_by_role("table", name="What each model did").get_by_role("row", name="gpt-large-2026")
    expect(row.get_by_role("cell")).to_have_text(["gpt-large-2026", "2", "0", "1,700", "120", "1.8 s"])


def test_a_long_message_is_cut_until_it_is_asked_for(page: Page, spans: list[Record]) -> None:
    page.goto(address(spans, "?view=genai"))
    answer = turns(page).nth(3).get_by_role("group", name="assistant message")
    expect(answer).to_contain_text("It is 4 °C.")
    assert len(answer.inner_text()) < 1500
    answer.get_by_role("button", name="Show all 3.61 kB").click()
    expect(answer.get_by_role("button", name="Show less")).to_be_visible()
    assert len(answer.inner_text()) > 3600


def test_a_step_of_the_conversation_leads_to_its_span_which_shows_it_readably(
    page: Page, spans: list[Record]
) -> None:
    page.goto(address(spans, "?view=genai"))
    turns(page).nth(1).get_by_role("button", name="chat gpt-large-2026").click()
    detail = page.get_by_role("complementary", name="Span details")
    talk = detail.get_by_role("region", name="Conversation")
    expect(talk.get_by_role("group", name="user message")).to_contain_text(HOSTILE)
    expect(talk.get_by_role("group", name="assistant message")).to_contain_text("calls weather")
    raw = talk.get_by_text("gen_ai.input.messages")
    expect(raw).to_be_hidden()
    talk.get_by_text("As it was sent").click()
    expect(raw).to_be_visible()
    assert page.evaluate("window.hurt") is None


def test_a_trace_without_models_has_no_such_view(page: Page, spans: list[Record]) -> None:
    for span in spans:
        span.attributes = {}
    page.goto(address(spans))
    expect(page.get_by_role("treeitem").first).to_be_visible()
    expect(page.get_by_role("tab", name="Logs")).to_be_visible()
    expect(page.get_by_role("tab", name="Model calls")).to_have_count(0)
    page.goto(address(spans, "?view=genai"))
    expect(page.get_by_text("No span of this trace has gen_ai.* attributes.")).to_be_visible()


def test_the_conversation_is_in_the_exported_file_and_accessible(
    page: Page, browser: Browser, spans: list[Record], tmp_path: Path
) -> None:
    page.goto(address(spans, "?view=genai"))
    expect(turns(page)).to_have_count(5)
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0
    if AXE.is_file():
        assert violations(page) == []
    with exported(page, browser, tmp_path) as alone:
        alone.get_by_role("tab", name="Model calls").click()
        expect(turns(alone)).to_have_count(5)
        assert alone.evaluate("window.hurt") is None
