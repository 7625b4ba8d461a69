/** Calls of language models in a trace (gen_ai.* attributes): who was called, what it cost, and the conversation in order. */
import type { SpanDetail, Value } from './detail';
import { seeker } from './find';
import { exchangeOf, sameness, valueText, type Message } from './messages';
import { showValue } from './show';
import { detailOf, hasError, nameOf, type Trace } from './trace';

export interface Tokens {
  readonly input: number;
  readonly output: number;
  /** Of the input, what was read from the provider's cache. */
  readonly cached: number;
}

export interface Call {
  readonly span: number;
  readonly kind: 'model' | 'tool' | 'agent';
  /** The name of the operation, such as `chat`. */
  readonly operation: string;
  /** The model, tool or agent. */
  readonly name: string;
  /** The model that was asked for, where another one answered. */
  readonly asked: string;
  readonly provider: string;
  /** null where the span does not say. */
  readonly tokens: Tokens | null;
  readonly finish: string;
  /** What failed, empty where nothing did. */
  readonly error: string;
  readonly toolId: string;
  readonly arguments: string;
  readonly result: string;
}

const seek = seeker('gen_ai.');

/** The calls of a trace in the order of the tree, at most so many. */
export function callsOf(trace: Trace, most = Infinity): Call[] {
  const { bytes, from, to } = trace.raw;
  const out: Call[] = [];
  // One look at the whole answer is enough for most traces.
  if (!seek(bytes, 0, bytes.length)) return out;
  for (let i = 0; i < trace.count && out.length < most; i++) {
    const row = trace.row[i];
    const call = seek(bytes, from[row], to[row]) ? callOf(trace, i) : null;
    if (call) out.push(call);
  }
  return out;
}

/** The call that a span is, or null where it is none; `detail` where it is decoded already. */
export function callOf(trace: Trace, span: number, detail: SpanDetail = detailOf(trace, span)): Call | null {
  const found = new Map<string, Value>(detail.attributes.map((a) => [a.key, a.value]));
  const text = (...keys: string[]): string => {
    for (const key of keys) if (found.has(`gen_ai.${key}`)) return showValue(found.get(`gen_ai.${key}`) as Value);
    return '';
  };
  const operation = text('operation.name');
  const [answered, asked] = [text('response.model'), text('request.model')];
  const [tool, agent, provider] = [text('tool.name'), text('agent.name'), text('provider.name', 'system')];
  if (!operation && !answered && !asked && !tool && !provider) return null;
  const kind = operation === 'execute_tool' || (!operation && tool) ? 'tool' : /agent|workflow/.test(operation) || (!operation && agent && !asked) ? 'agent' : 'model';
  const names = { model: answered || asked, tool, agent };
  const reasons = found.get('gen_ai.response.finish_reasons');
  const bad = hasError(trace, span);
  return {
    span,
    kind,
    operation,
    name: names[kind] || nameOf(trace, span),
    asked: asked !== answered && answered ? asked : '',
    provider,
    tokens: tokensOf(found),
    finish: Array.isArray(reasons) ? [...new Set(reasons.map((r) => showValue(r as Value)))].join(', ') : reasons === undefined ? '' : showValue(reasons),
    error: bad ? [showValue(found.get('error.type') ?? ''), detail.statusMessage].filter(Boolean).join(': ') || 'error' : '',
    toolId: text('tool.call.id'),
    arguments: valueText(found.get('gen_ai.tool.call.arguments')),
    result: valueText(found.get('gen_ai.tool.call.result')),
  };
}

function tokensOf(found: ReadonlyMap<string, Value>): Tokens | null {
  const count = (...keys: string[]): number | null => {
    for (const key of keys) {
      const value = Number(found.get(`gen_ai.usage.${key}`));
      if (Number.isFinite(value)) return value;
    }
    return null;
  };
  const [input, output] = [count('input_tokens', 'prompt_tokens'), count('output_tokens', 'completion_tokens')];
  if (input === null && output === null) return null;
  return { input: input ?? 0, output: output ?? 0, cached: count('cache_read.input_tokens', 'cache_read_input_tokens') ?? 0 };
}

export interface Usage extends Tokens {
  readonly name: string;
  readonly calls: number;
  readonly errors: number;
  /** Nanoseconds, each call's own. */
  readonly time: number;
}

/** What each model did, the one with the most time first. A sum that an agent states of its models is not counted twice. */
export function usageByModel(trace: Trace, calls: readonly Call[]): Usage[] {
  const out = new Map<string, { -readonly [K in keyof Usage]: Usage[K] }>();
  calls.forEach((call, i) => {
    let stated = false;
    for (let k = i + 1; !stated && k < calls.length && calls[k].span < trace.end[call.span]; k++) stated = calls[k].tokens !== null;
    if (call.kind !== 'model' && (call.tokens === null || stated)) return;
    const one = out.get(call.name) ?? { name: call.name, calls: 0, errors: 0, time: 0, input: 0, output: 0, cached: 0 };
    out.set(call.name, one);
    one.calls++;
    if (call.error) one.errors++;
    one.time += trace.duration[call.span];
    if (!call.tokens || stated) return;
    one.input += call.tokens.input;
    one.output += call.tokens.output;
    one.cached += call.tokens.cached;
  });
  return [...out.values()].sort((a, b) => b.time - a.time);
}

/** One thing that happened in the conversation. */
export interface Turn {
  readonly call: Call;
  /** Agents within which it happened. */
  readonly depth: number;
  /** How many messages of its input were there before: they are left out. */
  readonly earlier: number;
  /** What is new, in order: instructions, input, output. */
  readonly messages: readonly Message[];
  /** A tool's arguments are those of the call in a message before. */
  readonly argued: boolean;
}

/** The conversation in the order of the tree. What a call repeats of those before it is counted, not shown again. */
export function conversation(trace: Trace, calls: readonly Call[]): Turn[] {
  const seen = new Set<string>();
  const turns: Turn[] = [];
  const agents: { call: Call; output: readonly Message[]; depth: number }[] = [];
  const fresh = (list: readonly Message[]): Message[] => list.filter((m) => m.parts.length > 0 && !isKnown(m, seen));
  const close = (before: number): void => {
    for (let top = agents.at(-1); top && trace.end[top.call.span] <= before; top = agents.at(-1)) {
      agents.pop();
      const left = fresh(top.output);
      left.forEach((m) => know(m, seen));
      if (left.length > 0) turns.push({ call: top.call, depth: top.depth, earlier: 0, messages: left, argued: false });
    }
  };
  for (const call of calls) {
    close(call.span);
    const depth = agents.length;
    if (call.kind === 'tool') {
      turns.push({ call, depth, earlier: 0, messages: [], argued: call.toolId !== '' && seen.has(`call ${call.toolId}`) });
      if (call.toolId && call.result) seen.add(`result ${call.toolId}`);
      continue;
    }
    const { system, input, output } = exchangeOf(detailOf(trace, call.span));
    const asked = [...system, ...input].filter((m) => m.parts.length > 0);
    const added = fresh(asked);
    asked.forEach((m) => know(m, seen));
    const said = call.kind === 'agent' ? [] : output.filter((m) => m.parts.length > 0);
    said.forEach((m) => know(m, seen));
    turns.push({ call, depth, earlier: asked.length - added.length, messages: [...added, ...said], argued: false });
    if (call.kind === 'agent') agents.push({ call, output, depth });
  }
  close(Infinity);
  return turns;
}

/** A message that was said before, or the result of a tool that was shown with the tool. */
function isKnown(message: Message, seen: ReadonlySet<string>): boolean {
  return seen.has(sameness(message)) || message.parts.every((p) => p.kind === 'result' && p.id !== '' && seen.has(`result ${p.id}`));
}

function know(message: Message, seen: Set<string>): void {
  seen.add(sameness(message));
  for (const part of message.parts) if ((part.kind === 'call' || part.kind === 'result') && part.id) seen.add(`${part.kind} ${part.id}`);
}
