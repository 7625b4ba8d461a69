/** What no column holds, decoded from the answer when somebody looks at it: attributes, events, links. */
import { Wire, hex, type Range } from '../base/wire';

export type Value = string | boolean | number | bigint | Uint8Array | null | readonly Value[] | { readonly [key: string]: Value };

export interface Attribute {
  readonly key: string;
  readonly value: Value;
}

/** The attributes of a message whose repeated KeyValue is field `field`. */
export function readAttributes(bytes: Uint8Array, message: Range, field: number): Attribute[] {
  const out: Attribute[] = [];
  const wire = new Wire(bytes, message.from, message.to);
  while (wire.next()) {
    if (wire.field === field && wire.type === 2) {
      const length = wire.length();
      out.push(readKeyValue(bytes, { from: wire.at, to: wire.at + length }, 0));
      wire.at += length;
    } else wire.skip();
  }
  return out;
}

/** Deeper than this a value is cut, so that a hostile span cannot exhaust the stack. */
const DEEPEST = 32;

function readKeyValue(bytes: Uint8Array, range: Range, depth: number): Attribute {
  const wire = new Wire(bytes, range.from, range.to);
  let key = '';
  let value: Value = null;
  while (wire.next()) {
    if (wire.field === 1 && wire.type === 2) key = wire.text();
    else if (wire.field === 2 && wire.type === 2) {
      const length = wire.length();
      value = readValue(bytes, { from: wire.at, to: wire.at + length }, depth);
      wire.at += length;
    } else wire.skip();
  }
  return { key, value };
}

function readValue(bytes: Uint8Array, range: Range, depth: number): Value {
  if (depth > DEEPEST) return '…';
  const wire = new Wire(bytes, range.from, range.to);
  let value: Value = null;
  while (wire.next()) {
    if (wire.field === 1) value = wire.text();
    else if (wire.field === 2) value = wire.varint() !== 0;
    else if (wire.field === 3) {
      const whole = wire.int64();
      value = whole >= -9007199254740991n && whole <= 9007199254740991n ? Number(whole) : whole;
    } else if (wire.field === 4) value = wire.double();
    else if (wire.field === 5 || wire.field === 6) {
      const length = wire.length();
      const inner = { from: wire.at, to: wire.at + length };
      value = wire.field === 5 ? readList(bytes, inner, depth + 1) : readMap(bytes, inner, depth + 1);
      wire.at += length;
    } else if (wire.field === 7) {
      const length = wire.length();
      value = bytes.slice(wire.at, wire.at + length);
      wire.at += length;
    } else wire.skip();
  }
  return value;
}

function readList(bytes: Uint8Array, range: Range, depth: number): Value[] {
  const out: Value[] = [];
  const wire = new Wire(bytes, range.from, range.to);
  while (wire.next()) {
    if (wire.field === 1 && wire.type === 2) {
      const length = wire.length();
      out.push(readValue(bytes, { from: wire.at, to: wire.at + length }, depth));
      wire.at += length;
    } else wire.skip();
  }
  return out;
}

function readMap(bytes: Uint8Array, range: Range, depth: number): { [key: string]: Value } {
  const out: { [key: string]: Value } = Object.create(null) as { [key: string]: Value };
  const wire = new Wire(bytes, range.from, range.to);
  while (wire.next()) {
    if (wire.field === 1 && wire.type === 2) {
      const length = wire.length();
      const { key, value } = readKeyValue(bytes, { from: wire.at, to: wire.at + length }, depth);
      out[key] = value;
      wire.at += length;
    } else wire.skip();
  }
  return out;
}

export interface SpanEvent {
  /** Unix time in nanoseconds. */
  readonly time: bigint;
  readonly name: string;
  readonly attributes: readonly Attribute[];
  readonly dropped: number;
}

export interface SpanLink {
  readonly traceId: string;
  readonly spanId: string;
  readonly state: string;
  readonly attributes: readonly Attribute[];
}

/** Everything of one span that no column holds. */
export interface SpanDetail {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string;
  readonly state: string;
  readonly statusMessage: string;
  readonly attributes: readonly Attribute[];
  readonly droppedAttributes: number;
  readonly events: readonly SpanEvent[];
  readonly droppedEvents: number;
  readonly links: readonly SpanLink[];
  readonly droppedLinks: number;
  readonly flags: number;
}

/** Decodes one span message. */
export function readSpan(bytes: Uint8Array, range: Range): SpanDetail {
  const wire = new Wire(bytes, range.from, range.to);
  const text: Record<number, string> = { 1: '', 2: '', 3: '', 4: '' };
  const counts: Record<number, number> = { 10: 0, 12: 0, 14: 0 };
  const events: SpanEvent[] = [];
  const links: SpanLink[] = [];
  let statusMessage = '';
  let flags = 0;
  while (wire.next()) {
    const { field, type } = wire;
    if (type === 2 && (field === 11 || field === 13 || field === 15)) {
      const length = wire.length();
      const inner = { from: wire.at, to: wire.at + length };
      if (field === 11) events.push(readEvent(bytes, inner));
      else if (field === 13) links.push(readLink(bytes, inner));
      else {
        const status = new Wire(bytes, inner.from, inner.to);
        while (status.next()) {
          if (status.field === 2 && status.type === 2) statusMessage = status.text();
          else status.skip();
        }
      }
      wire.at = inner.to;
    } else if (type === 2 && field === 3) text[3] = wire.text();
    else if (type === 2 && (field === 1 || field === 2 || field === 4)) {
      const length = wire.length();
      text[field] = hex(bytes.subarray(wire.at, wire.at + length));
      wire.at += length;
    } else if (type === 0 && field in counts) counts[field] = wire.varint();
    else if (type === 5 && field === 16) {
      flags = wire.view.getUint32(wire.at, true);
      wire.at += 4;
    } else wire.skip();
  }
  events.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
  return {
    traceId: text[1],
    spanId: text[2],
    parentId: text[4],
    state: text[3],
    statusMessage,
    attributes: readAttributes(bytes, range, 9),
    droppedAttributes: counts[10],
    events,
    droppedEvents: counts[12],
    links,
    droppedLinks: counts[14],
    flags,
  };
}

function readEvent(bytes: Uint8Array, range: Range): SpanEvent {
  const wire = new Wire(bytes, range.from, range.to);
  let time = 0n;
  let name = '';
  let dropped = 0;
  while (wire.next()) {
    if (wire.field === 1 && wire.type === 1) time = wire.fixed64();
    else if (wire.field === 2 && wire.type === 2) name = wire.text();
    else if (wire.field === 4 && wire.type === 0) dropped = wire.varint();
    else wire.skip();
  }
  return { time, name, attributes: readAttributes(bytes, range, 3), dropped };
}

function readLink(bytes: Uint8Array, range: Range): SpanLink {
  const wire = new Wire(bytes, range.from, range.to);
  const ids: Record<number, string> = { 1: '', 2: '' };
  let state = '';
  while (wire.next()) {
    if (wire.type === 2 && (wire.field === 1 || wire.field === 2)) {
      const length = wire.length();
      ids[wire.field] = hex(bytes.subarray(wire.at, wire.at + length));
      wire.at += length;
    } else if (wire.type === 2 && wire.field === 3) state = wire.text();
    else wire.skip();
  }
  return { traceId: ids[1], spanId: ids[2], state, attributes: readAttributes(bytes, range, 4) };
}

/** Name and version of an instrumentation scope. */
export function readScope(bytes: Uint8Array, range: Range): { name: string; version: string } {
  const wire = new Wire(bytes, range.from, range.to);
  let name = '';
  let version = '';
  while (wire.next()) {
    if (wire.field === 1 && wire.type === 2) name = wire.text();
    else if (wire.field === 2 && wire.type === 2) version = wire.text();
    else wire.skip();
  }
  return { name, version };
}
