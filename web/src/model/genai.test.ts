import { describe, expect, test } from 'vitest';
import { traceOf } from '../testing/traces';
import type { SpanDetail, Value } from './detail';
import { callsOf, usageByModel } from './genai';
import { exchangeOf, type Message } from './messages';

const attributes = (values: Record<string, Value>): SpanDetail['attributes'] => Object.entries(values).map(([key, value]) => ({ key, value }));

function detail(values: Record<string, Value>, events: [string, Record<string, Value>][] = []): SpanDetail {
  return {
    traceId: '', spanId: '', parentId: '', state: '', statusMessage: '', attributes: attributes(values), droppedAttributes: 0,
    events: events.map(([name, inside]) => ({ time: 0n, name, attributes: attributes(inside), dropped: 0 })), droppedEvents: 0, links: [], droppedLinks: 0, flags: 0,
  };
}

const text = (role: string, words: string): Message => ({ role, parts: [{ kind: 'text', text: words }], finish: '' });
const call = { kind: 'call', id: 'c', name: 'weather', text: '{\n  "city": "Oslo"\n}' };

describe('messages', () => {
  test('structured attributes and JSON in text say the same', () => {
    const message = { role: 'user', parts: [{ type: 'text', content: 'hi' }] };
    const made = exchangeOf(detail({ 'gen_ai.input.messages': [message] }));
    expect(made.input).toEqual([text('user', 'hi')]);
    expect(exchangeOf(detail({ 'gen_ai.input.messages': JSON.stringify([message]) }))).toEqual(made);
  });

  test('instructions are parts, a list of them, or plain text', () => {
    for (const value of [JSON.stringify([{ type: 'text', content: 'be brief' }]), 'be brief']) {
      expect(exchangeOf(detail({ 'gen_ai.system_instructions': value })).system).toEqual([text('system', 'be brief')]);
    }
  });

  test('the event with the details of a call is read as its attributes are', () => {
    const inside = { 'gen_ai.output.messages': '[{"role":"assistant","parts":[{"type":"text","content":"yes"}],"finish_reason":"length"}]' };
    expect(exchangeOf(detail({}, [['gen_ai.client.inference.operation.details', inside]])).output).toEqual([{ ...text('assistant', 'yes'), finish: 'length' }]);
  });

  test('numbered attributes are messages in order, with the tools they call', () => {
    const { input, output } = exchangeOf(detail({
      'gen_ai.prompt.0.role': 'system', 'gen_ai.prompt.0.content': 'be brief', 'gen_ai.prompt.1.role': 'user', 'gen_ai.prompt.1.content': '{"n": 1}',
      'gen_ai.completion.0.finish_reason': 'tool_calls', 'gen_ai.completion.0.role': 'assistant', 'gen_ai.completion.0.tool_calls.0.name': 'weather',
      'gen_ai.completion.0.tool_calls.0.id': 'c', 'gen_ai.completion.0.tool_calls.0.arguments': '{"city":"Oslo"}',
    }));
    expect(input).toEqual([text('system', 'be brief'), text('user', '{\n  "n": 1\n}')]);
    expect(output).toEqual([{ role: 'assistant', parts: [call], finish: 'tool_calls' }]);
  });

  test('an event for each message is one by its name', () => {
    const tools = JSON.stringify([{ id: 'c', type: 'function', function: { name: 'weather', arguments: '{"city":"Oslo"}' } }]);
    const { system, input, output } = exchangeOf(detail({}, [
      ['gen_ai.system.message', { content: 'be brief' }], ['gen_ai.user.message', { content: 'how warm?' }], ['gen_ai.assistant.message', { tool_calls: tools }],
      ['gen_ai.tool.message', { id: 'c', content: '4' }], ['gen_ai.choice', { finish_reason: 'stop', message: '{"role":"assistant","content":"4 °C"}' }],
    ]));
    expect(system).toEqual([text('system', 'be brief')]);
    expect(input).toEqual([text('user', 'how warm?'), { role: 'assistant', parts: [call], finish: '' }, { role: 'tool', parts: [{ kind: 'result', id: 'c', text: '4' }], finish: '' }]);
    expect(output).toEqual([{ ...text('assistant', '4 °C'), finish: 'stop' }]);
  });

  test.each(['[', '{"role": 1', '[[[[]]]]', '[null, 1, {"parts": "x"}]', '{"parts": [null]}', '[{"role": {"a": 1}, "content": [1]}]'])('%s does no harm', (value) => {
    const { input } = exchangeOf(detail({ 'gen_ai.input.messages': value, 'gen_ai.prompt.0.content': value }));
    expect(input.every((m) => m.parts.every((p) => typeof p.text === 'string'))).toBe(true);
  });

  test('a value that is nested without end stays text', () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    const { output } = exchangeOf(detail({ 'gen_ai.completion.0.tool_calls.0.name': 'f', 'gen_ai.completion.0.tool_calls.0.arguments': `{"a": ${deep}}` }));
    expect(output[0].parts[0].text.length).toBeGreaterThan(10);
  });
});

describe('calls', () => {
  test('a span with gen_ai attributes that name no call is none', () => {
    expect(callsOf(traceOf([{ id: 1, attributes: { 'gen_ai.conversation.id': 'x' } }]))).toEqual([]);
  });

  test('tokens that an agent sums up are counted once, older names too', () => {
    const model = { 'gen_ai.request.model': 'm', 'gen_ai.usage.prompt_tokens': 10, 'gen_ai.usage.completion_tokens': 1 };
    const agent = { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.usage.input_tokens': 20, 'gen_ai.usage.output_tokens': 2 };
    const trace = traceOf([
      { id: 1, start: 0, duration: 9, attributes: agent }, { id: 2, parent: 1, start: 1, duration: 2, attributes: model }, { id: 3, parent: 1, start: 4, duration: 3, attributes: model },
    ]);
    expect(usageByModel(trace, callsOf(trace))).toEqual([{ name: 'm', calls: 2, errors: 0, time: 5, input: 20, output: 2, cached: 0 }]);
  });
});
