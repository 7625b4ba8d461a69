/** One trace as columns in pre-order: span i's subtree is the half-open range [i, end[i]). */
import { readScope, readSpan, readAttributes, type Attribute, type SpanDetail } from './detail';
import type { RawSpans } from './otlp';

export const KIND = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'] as const;
export const STATUS = ['unset', 'ok', 'error'] as const;
export const ERROR = 2;
export const SERVER = 2;
export const CLIENT = 3;
export const PRODUCER = 4;
export const CONSUMER = 5;

export interface Trace {
  readonly raw: RawSpans;
  readonly count: number;
  /** Unix nanoseconds of time zero of the columns. */
  readonly origin: bigint;
  /** Nanoseconds from time zero to the last end. */
  readonly length: number;
  /** Row of the raw columns that each span came from. */
  readonly row: Uint32Array;
  readonly start: Float64Array;
  readonly duration: Float64Array;
  readonly parent: Int32Array;
  readonly end: Int32Array;
  readonly depth: Uint16Array;
  readonly name: Uint32Array;
  readonly service: Uint32Array;
  readonly kind: Uint8Array;
  readonly status: Uint8Array;
  /** errors[i] = spans with error before i, so a subtree's count is a difference. */
  readonly errors: Uint32Array;
  readonly roots: readonly number[];
  readonly problems: Problems;
}

/** What is wrong with the tree; each is shown, none is mended silently. */
export interface Problems {
  /** Spans whose parent is not in the answer. */
  readonly orphans: readonly number[];
  /** The parents that orphans name, in the order of the tree. */
  readonly missing: readonly Missing[];
  /** Spans where a cycle of parents was cut. */
  readonly cycles: readonly number[];
  /** Spans left out because an earlier one has the same id. */
  readonly duplicates: number;
  /** Spans without a start time, drawn at their parent's. */
  readonly timeless: readonly number[];
}

/** A parent that spans name and that is not in the answer; its spans are one level beneath it. */
export interface Missing {
  readonly id: string;
  /** Its children, one after the other in the tree. */
  readonly spans: readonly number[];
}

/** Links spans to parents and lays them out in pre-order; O(n log n), no recursion. */
export function buildTrace(raw: RawSpans): Trace {
  const linked = link(raw);
  const order = preOrder(raw, linked);
  return columns(raw, linked, order);
}

interface Linked {
  readonly parent: Int32Array;
  readonly orphan: Uint8Array;
  readonly skipped: Uint8Array;
  duplicates: number;
}

function link(raw: RawSpans): Linked {
  const { count, idHigh, idLow, parentHigh, parentLow } = raw;
  // Almost every low half is unique, so a whole id is made into a key only where halves collide.
  const low = new Map<number, number>();
  const collide = new Map<string, number>();
  const keyOf = (h: number, l: number): string => `${h}.${l}`;
  const parent = new Int32Array(count).fill(-1);
  const orphan = new Uint8Array(count);
  const skipped = new Uint8Array(count);
  let duplicates = 0;
  const find = (h: number, l: number): number => {
    const first = low.get(l);
    if (first === undefined) return -1;
    if (idHigh[first] === h) return first;
    return collide.get(keyOf(h, l)) ?? -1;
  };
  for (let i = 0; i < count; i++) {
    const known = find(idHigh[i], idLow[i]);
    if (known >= 0 && (idHigh[i] !== 0 || idLow[i] !== 0)) {
      skipped[i] = 1;
      duplicates++;
    } else if (low.has(idLow[i])) collide.set(keyOf(idHigh[i], idLow[i]), i);
    else low.set(idLow[i], i);
  }
  for (let i = 0; i < count; i++) {
    if (skipped[i] || (parentHigh[i] === 0 && parentLow[i] === 0)) continue;
    parent[i] = find(parentHigh[i], parentLow[i]);
    if (parent[i] < 0) orphan[i] = 1;
  }
  return { parent, orphan, skipped, duplicates };
}

interface Order {
  readonly rows: Int32Array;
  readonly depth: Uint16Array;
  readonly end: Int32Array;
  readonly cut: number[];
}

function preOrder(raw: RawSpans, linked: Linked): Order {
  const { count } = raw;
  const { parent, skipped } = linked;
  const when = (i: number): number => (Number.isNaN(raw.start[i]) ? -1 : raw.start[i]);
  const sorted = new Uint32Array(count);
  for (let i = 0; i < count; i++) sorted[i] = i;
  // Later starts first, so that prepending to the children's lists leaves them in order of start.
  sorted.sort((a, b) => when(b) - when(a) || b - a);
  const firstChild = new Int32Array(count).fill(-1);
  const nextSibling = new Int32Array(count).fill(-1);
  let firstRoot = -1;
  for (const i of sorted) {
    if (skipped[i]) continue;
    const p = parent[i];
    if (p < 0) {
      nextSibling[i] = firstRoot;
      firstRoot = i;
    } else {
      nextSibling[i] = firstChild[p];
      firstChild[p] = i;
    }
  }
  const rows = new Int32Array(count - linked.duplicates);
  const depth = new Uint16Array(rows.length);
  const end = new Int32Array(rows.length);
  const position = new Int32Array(count).fill(-1);
  let filled = 0;
  const walk = (root: number, base: number): void => {
    const stack = [root];
    const level = [0];
    const open: number[] = [];
    while (stack.length > 0) {
      const i = stack.pop() as number;
      const d = level.pop() as number;
      while (open.length > d) end[open.pop() as number] = filled;
      if (position[i] >= 0) continue;
      position[i] = filled;
      rows[filled] = i;
      depth[filled] = Math.min(base + d, 65535);
      open.push(filled++);
      const children: number[] = [];
      for (let c = firstChild[i]; c >= 0; c = nextSibling[c]) children.push(c);
      for (let k = children.length - 1; k >= 0; k--) {
        stack.push(children[k]);
        level.push(d + 1);
      }
    }
    while (open.length > 0) end[open.pop() as number] = filled;
  };
  const kin = new Map<string, number[]>();
  for (let i = firstRoot; i >= 0; i = nextSibling[i]) {
    if (!linked.orphan[i]) continue;
    const known = kin.get(parentOf(raw, i));
    if (known) known.push(i);
    else kin.set(parentOf(raw, i), [i]);
  }
  for (let i = firstRoot; i >= 0; i = nextSibling[i]) {
    if (!linked.orphan[i]) walk(i, 0);
    // Spans that miss the same parent stand together, where the first of them is.
    else for (const one of kin.get(parentOf(raw, i)) as number[]) walk(one, 1);
  }
  const cut: number[] = [];
  for (let s = count - 1; s >= 0 && filled < rows.length; s--) {
    const i = sorted[s];
    if (skipped[i] || position[i] >= 0) continue;
    // Only a cycle of parents is left unvisited: it is opened at its earliest span.
    cut.push(i);
    parent[i] = -1;
    walk(i, 0);
  }
  return { rows, depth, end, cut: cut.map((i) => position[i]) };
}

function columns(raw: RawSpans, linked: Linked, order: Order): Trace {
  const { rows } = order;
  const count = rows.length;
  const position = new Int32Array(raw.count).fill(-1);
  rows.forEach((row, i) => (position[row] = i));
  const start = new Float64Array(count);
  const duration = new Float64Array(count);
  const parent = new Int32Array(count);
  const name = new Uint32Array(count);
  const service = new Uint32Array(count);
  const kind = new Uint8Array(count);
  const status = new Uint8Array(count);
  const errors = new Uint32Array(count + 1);
  const orphans: number[] = [];
  const missing: { id: string; spans: number[] }[] = [];
  const timeless: number[] = [];
  const roots: number[] = [];
  let length = 0;
  for (let i = 0; i < count; i++) {
    const row = rows[i];
    parent[i] = linked.parent[row] < 0 ? -1 : position[linked.parent[row]];
    if (parent[i] < 0) roots.push(i);
    if (linked.orphan[row]) {
      orphans.push(i);
      const id = parentOf(raw, row);
      if (missing.at(-1)?.id === id) missing.at(-1)?.spans.push(i);
      else missing.push({ id, spans: [i] });
    }
    start[i] = raw.start[row];
    if (Number.isNaN(start[i])) {
      start[i] = parent[i] < 0 ? 0 : start[parent[i]];
      timeless.push(i);
    }
    duration[i] = raw.duration[row];
    name[i] = raw.name[row];
    service[i] = raw.service[row];
    kind[i] = raw.kind[row];
    status[i] = raw.status[row];
    errors[i + 1] = errors[i] + (status[i] === ERROR ? 1 : 0);
    length = Math.max(length, start[i] + duration[i]);
  }
  return {
    raw,
    count,
    origin: raw.origin,
    length,
    row: Uint32Array.from(rows),
    start,
    duration,
    parent,
    end: order.end,
    depth: order.depth,
    name,
    service,
    kind,
    status,
    errors,
    roots,
    problems: { orphans, missing, cycles: order.cut, duplicates: linked.duplicates, timeless },
  };
}

export const nameOf = (trace: Trace, span: number): string => trace.raw.names[trace.name[span]];
export const serviceOf = (trace: Trace, span: number): string => trace.raw.services[trace.service[span]];
export const hasError = (trace: Trace, span: number): boolean => trace.status[span] === ERROR;

/** Spans with error in the subtree of `span`, itself included. */
export const errorsWithin = (trace: Trace, span: number): number =>
  trace.errors[trace.end[span]] - trace.errors[span];

export const spanId = (trace: Trace, span: number): string => {
  const row = trace.row[span];
  return half(trace.raw.idHigh[row]) + half(trace.raw.idLow[row]);
};

const parentOf = (raw: RawSpans, row: number): string => half(raw.parentHigh[row]) + half(raw.parentLow[row]);

const half = (word: number): string => word.toString(16).padStart(8, '0');

/** The span with an id, or -1. */
export function findById(trace: Trace, id: string): number {
  const high = parseInt(id.slice(0, 8), 16);
  const low = parseInt(id.slice(8), 16);
  const { idHigh, idLow } = trace.raw;
  for (let i = 0; i < trace.count; i++) {
    const row = trace.row[i];
    if (idLow[row] === low && idHigh[row] === high) return i;
  }
  return -1;
}

/** The spans with some ids, by id: one pass over the trace for all of them. */
export function spansOf(trace: Trace, wanted: ReadonlySet<string>): Map<string, number> {
  const out = new Map<string, number>();
  const low = new Set([...wanted].map((id) => parseInt(id.slice(8), 16)));
  if (low.size === 0) return out;
  const { idLow } = trace.raw;
  for (let i = 0; i < trace.count; i++) {
    if (!low.has(idLow[trace.row[i]])) continue;
    const id = spanId(trace, i);
    if (wanted.has(id) && !out.has(id)) out.set(id, i);
  }
  return out;
}

export function detailOf(trace: Trace, span: number): SpanDetail {
  const { raw, row } = trace;
  return readSpan(raw.bytes, { from: raw.from[row[span]], to: raw.to[row[span]] });
}

export function resourceOf(trace: Trace, span: number): Attribute[] {
  return readAttributes(trace.raw.bytes, trace.raw.resources[trace.raw.resource[trace.row[span]]], 1);
}

export function scopeOf(trace: Trace, span: number): { name: string; version: string; attributes: Attribute[] } {
  const range = trace.raw.scopes[trace.raw.scope[trace.row[span]]];
  return { ...readScope(trace.raw.bytes, range), attributes: readAttributes(trace.raw.bytes, range, 3) };
}

/** The trace's own id in hex, read from its first span. */
export function traceIdOf(trace: Trace): string {
  return trace.count > 0 ? detailOf(trace, 0).traceId : '';
}

/** Unix milliseconds of a moment of the trace. */
export const unixMs = (trace: Trace, ns: number): number => Number(trace.origin / 1000n) / 1000 + ns / 1e6;

/** The root that names a trace: the one with the most spans beneath it. */
export function mainRoot(trace: Trace): number {
  let best = 0;
  for (const root of trace.roots) {
    if (trace.end[root] - root > trace.end[best] - best) best = root;
  }
  return best;
}
