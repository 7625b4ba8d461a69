/** Messages of language models as the GenAI conventions have written them over time, in one shape. Content is text, never markup. */
import type { Attribute, SpanDetail, Value } from './detail';
import { plain, showValue } from './show';

export type Part =
  | { readonly kind: 'text' | 'reasoning'; readonly text: string }
  | { readonly kind: 'call'; readonly id: string; readonly name: string; readonly text: string }
  | { readonly kind: 'result'; readonly id: string; readonly text: string }
  /** A picture, a file, or what no convention knows: its type, and what is known of it. */
  | { readonly kind: 'other'; readonly name: string; readonly text: string };

export interface Message {
  readonly role: string;
  readonly parts: readonly Part[];
  /** Why the model stopped, empty where it is not said. */
  readonly finish: string;
}

/** What a span says to a model and what came back. */
export interface Exchange {
  readonly system: readonly Message[];
  readonly input: readonly Message[];
  readonly output: readonly Message[];
}

type Fields = Readonly<Record<string, unknown>>;

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value);
const word = (value: unknown): string => (typeof value === 'string' ? value : value === undefined || value === null ? '' : String(value));

/** A value for people: text as it is, everything else as JSON over lines; JSON inside of text is laid out, too. */
export function readable(value: unknown): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'string') {
    const parsed = /^\s*[[{]/.test(value) ? parse(value) : undefined;
    return parsed === undefined ? value : json(parsed, value);
  }
  return typeof value === 'object' ? json(value, '(nested too deeply)') : String(value);
}

function json(value: unknown, otherwise: string): string {
  try {
    return JSON.stringify(value, null, 2);
  } catch {
    return otherwise;
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** A structured value, or the JSON in a string; text that is no JSON stays text. */
function structure(value: Value | undefined): unknown {
  if (value === undefined) return undefined;
  const raw = plain(value);
  return typeof raw === 'string' && /^\s*[[{]/.test(raw) ? (parse(raw) ?? raw) : raw;
}

/** Attributes and events that hold messages: what is shown as a conversation need not be shown as JSON besides. */
const HOLDS = /^gen_ai\.(input\.messages|output\.messages|system_instructions|tool\.call\.(arguments|result)|prompt|completion)(\.\d+\..*)?$/;
export const holdsMessages = (attribute: Attribute): boolean => HOLDS.test(attribute.key);
const DETAILS = 'gen_ai.client.inference.operation.details';
const EVENT = /^gen_ai\.(system|user|assistant|tool)\.message$/;

/** The messages of a span, from its attributes, else from its events. */
export function exchangeOf(detail: SpanDetail): Exchange {
  const inside = detail.events.find((e) => e.name === DETAILS)?.attributes ?? [];
  const found = new Map([...inside, ...detail.attributes].map((a) => [a.key, a.value]));
  const system = messagesIn(structure(found.get('gen_ai.system_instructions')), 'system');
  const input = messagesIn(structure(found.get('gen_ai.input.messages')), 'user');
  const output = messagesIn(structure(found.get('gen_ai.output.messages')), 'assistant');
  if (system.length + input.length + output.length > 0) return { system, input, output };
  const indexed = { system: [], input: numbered(found, 'gen_ai.prompt', 'user'), output: numbered(found, 'gen_ai.completion', 'assistant') };
  return indexed.input.length + indexed.output.length > 0 ? indexed : fromEvents(detail);
}

/** Messages of a list, of one object, or of text that is all there is. */
function messagesIn(value: unknown, role: string): Message[] {
  if (value === undefined || value === null || value === '') return [];
  if (!Array.isArray(value)) return [messageOf(value, role)];
  // System instructions are a list of parts without a role.
  const parts = value.every((one) => isFields(one) && one['role'] === undefined && (one['type'] !== undefined || one['content'] !== undefined));
  return parts && value.length > 0 ? [messageOf({ parts: value }, role)] : value.map((one) => messageOf(one, role));
}

function messageOf(value: unknown, role: string): Message {
  if (!isFields(value)) return { role, parts: partsOf(value), finish: '' };
  const inner = isFields(value['message']) ? value['message'] : value;
  const said = word(inner['role'] ?? value['role']) || role;
  const calls = Array.isArray(inner['tool_calls']) ? inner['tool_calls'].map(callOf) : [];
  const id = word(inner['tool_call_id'] ?? (said === 'tool' ? inner['id'] : ''));
  const content = partsOf(inner['parts'] ?? inner['content']);
  const parts = said === 'tool' ? content.map((p): Part => (p.kind === 'text' ? { kind: 'result', id, text: readable(p.text) } : p)) : content;
  return { role: said, parts: [...parts, ...calls], finish: word(value['finish_reason'] ?? inner['finish_reason']) };
}

function partsOf(value: unknown): Part[] {
  if (value === undefined || value === null || value === '') return [];
  if (!Array.isArray(value)) return [isFields(value) ? partOf(value) : { kind: 'text', text: word(value) }];
  return value.map((one) => (isFields(one) ? partOf(one) : { kind: 'text', text: readable(one) }));
}

function partOf(value: Fields): Part {
  const type = word(value['type']);
  if (type === 'tool_call' || type === 'tool_use' || type === 'function') return callOf(value);
  if (type === 'tool_call_response' || type === 'tool_result') {
    return { kind: 'result', id: word(value['id'] ?? value['tool_use_id']), text: readable(value['response'] ?? value['result'] ?? value['content']) };
  }
  const text = value['content'] ?? value['text'];
  if (type === 'reasoning' || type === 'thinking') return { kind: 'reasoning', text: readable(text ?? value['thinking']) };
  if (typeof text === 'string' && (type === '' || type.includes('text'))) return { kind: 'text', text };
  if (type === '' && text === undefined) return { kind: 'text', text: readable(value) };
  return { kind: 'other', name: [type, word(value['modality']), word(value['mime_type'])].filter(Boolean).join(' ') || 'part', text: word(value['uri'] ?? value['file_id']) || readable(value) };
}

function callOf(value: unknown): Part {
  if (!isFields(value)) return { kind: 'call', id: '', name: '', text: readable(value) };
  const made = isFields(value['function']) ? value['function'] : value;
  return { kind: 'call', id: word(value['id']), name: word(made['name']), text: readable(made['arguments'] ?? made['input']) };
}

/** `gen_ai.prompt.0.role`, `gen_ai.prompt.0.content`, `gen_ai.prompt.0.tool_calls.0.name` … as some libraries write them. */
function numbered(found: ReadonlyMap<string, Value>, prefix: string, role: string): Message[] {
  const whole = found.get(prefix);
  if (whole !== undefined) return messagesIn(structure(whole), role);
  const at = (key: string): unknown => structure(found.get(key));
  const out: Message[] = [];
  for (let i = 0; found.has(`${prefix}.${i}.role`) || found.has(`${prefix}.${i}.content`) || found.has(`${prefix}.${i}.tool_calls.0.name`); i++) {
    const calls: Fields[] = [];
    for (let k = 0; found.has(`${prefix}.${i}.tool_calls.${k}.name`); k++) {
      const call = `${prefix}.${i}.tool_calls.${k}`;
      calls.push({ id: at(`${call}.id`), name: at(`${call}.name`), arguments: at(`${call}.arguments`) });
    }
    const finish = at(`${prefix}.${i}.finish_reason`);
    out.push(messageOf({ role: at(`${prefix}.${i}.role`), content: at(`${prefix}.${i}.content`), tool_calls: calls, tool_call_id: at(`${prefix}.${i}.tool_call_id`), finish_reason: finish }, role));
  }
  return out;
}

/** Older conventions: an event for each message, named by its role; `gen_ai.choice` is what the model said. */
function fromEvents(detail: SpanDetail): Exchange {
  const out = { system: [] as Message[], input: [] as Message[], output: [] as Message[] };
  for (const event of detail.events) {
    const fields: Record<string, unknown> = Object.fromEntries(event.attributes.map((a) => [a.key, structure(a.value)]));
    const role = EVENT.exec(event.name)?.[1];
    if (role) out[role === 'system' ? 'system' : 'input'].push(messageOf(fields, role));
    else if (event.name === 'gen_ai.choice') out.output.push(messageOf(fields, 'assistant'));
    else if (event.name === 'gen_ai.content.prompt') out.input.push(...messagesIn(fields['gen_ai.prompt'], 'user'));
    else if (event.name === 'gen_ai.content.completion') out.output.push(...messagesIn(fields['gen_ai.completion'], 'assistant'));
  }
  return out;
}

/** What is the same when a message is said again: why the model stopped is not part of it. */
export const sameness = (message: Message): string => JSON.stringify([message.role, message.parts]);

/** The text of a tool's arguments or result. */
export const valueText = (value: Value | undefined): string => (value === undefined ? '' : readable(typeof value === 'string' ? value : (plain(value) ?? showValue(value))));
