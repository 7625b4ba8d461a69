/** The flame graph of a trace: spans merged by their path of service and operation. */
import type { Area } from './links';
import { hasError, type Trace } from './trace';

export interface Frame {
  readonly service: number;
  readonly name: number;
  readonly depth: number;
  /** Index of the frame above, or -1. */
  readonly parent: number;
  readonly count: number;
  readonly errors: number;
  /** Nanoseconds: own time, and own time with that of every frame beneath. */
  readonly self: number;
  readonly total: number;
  /** Where the frame lies, as shares of the whole width. */
  readonly x: number;
  readonly width: number;
  /** The longest span of the frame. */
  readonly span: number;
}

/** Sums of each node as columns: a trace may have as many paths as spans, and objects for all of them are slow. */
interface Nodes {
  readonly count: number;
  readonly service: Uint32Array;
  readonly name: Uint32Array;
  readonly depth: Uint16Array;
  readonly calls: Uint32Array;
  readonly errors: Uint32Array;
  readonly self: Float64Array;
  readonly total: Float64Array;
  readonly span: Uint32Array;
  readonly firstChild: Int32Array;
  readonly nextSibling: Int32Array;
}

/** Frames in pre-order. Width is the weight within the subtree, so children always fit. */
export function flameGraph(trace: Trace, weight: Float64Array): Frame[] {
  return place(merge(trace, weight));
}

function merge(trace: Trace, weight: Float64Array): Nodes {
  const most = trace.count + 1;
  const nodes = {
    count: 1,
    service: new Uint32Array(most), name: new Uint32Array(most), depth: new Uint16Array(most),
    calls: new Uint32Array(most), errors: new Uint32Array(most), self: new Float64Array(most),
    total: new Float64Array(most), span: new Uint32Array(most),
    firstChild: new Int32Array(most).fill(-1), nextSibling: new Int32Array(most).fill(-1),
  };
  const parent = new Int32Array(most).fill(-1);
  const nodeOf = new Int32Array(trace.count);
  const names = trace.raw.names.length;
  const operations = names * trace.raw.services.length;
  const known = new Map<number, number>();
  for (let i = 0; i < trace.count; i++) {
    const above = trace.parent[i] < 0 ? 0 : nodeOf[trace.parent[i]];
    const key = above * operations + trace.service[i] * names + trace.name[i];
    let at = known.get(key);
    if (at === undefined) {
      at = nodes.count++;
      known.set(key, at);
      parent[at] = above;
      nodes.service[at] = trace.service[i];
      nodes.name[at] = trace.name[i];
      nodes.depth[at] = nodes.depth[above] + 1;
      nodes.span[at] = i;
      nodes.nextSibling[at] = nodes.firstChild[above];
      nodes.firstChild[above] = at;
    }
    nodes.calls[at]++;
    nodes.errors[at] += hasError(trace, i) ? 1 : 0;
    nodes.self[at] += weight[i];
    if (trace.duration[i] > trace.duration[nodes.span[at]]) nodes.span[at] = i;
    nodeOf[i] = at;
  }
  for (let i = nodes.count - 1; i >= 0; i--) {
    nodes.total[i] += nodes.self[i];
    if (i > 0) nodes.total[parent[i]] += nodes.total[i];
  }
  return nodes;
}

function place(nodes: Nodes): Frame[] {
  const frames: Frame[] = [];
  const whole = nodes.total[0] || 1;
  const stack: { index: number; x: number; parent: number }[] = [{ index: 0, x: 0, parent: -1 }];
  while (stack.length > 0) {
    const { index, x, parent } = stack.pop() as { index: number; x: number; parent: number };
    let own = -1;
    if (index > 0) {
      own = frames.push({
        service: nodes.service[index], name: nodes.name[index], depth: nodes.depth[index], parent,
        count: nodes.calls[index], errors: nodes.errors[index], self: nodes.self[index], total: nodes.total[index],
        x, width: nodes.total[index] / whole, span: nodes.span[index],
      }) - 1;
    }
    const children: number[] = [];
    for (let child = nodes.firstChild[index]; child >= 0; child = nodes.nextSibling[child]) children.push(child);
    children.sort((a, b) => nodes.total[b] - nodes.total[a] || a - b);
    let right = x + children.reduce((sum, child) => sum + nodes.total[child], 0) / whole;
    // The widest is taken from the stack first, and stands left.
    for (let i = children.length - 1; i >= 0; i--) {
      right -= nodes.total[children[i]] / whole;
      stack.push({ index: children[i], x: right, parent: own });
    }
  }
  return frames;
}

/** What an operation is called by, or calls, over the whole trace. */
export interface Neighbour {
  readonly service: number;
  readonly name: number;
  readonly count: number;
  /** Nanoseconds with everything beneath; of a caller, the part that it spent in the operation. */
  readonly total: number;
  readonly span: number;
}

/** Callers and callees of a frame's operation, wherever it stands in the graph; largest first. */
export function sandwich(frames: readonly Frame[], index: number): { callers: Neighbour[]; callees: Neighbour[] } {
  const { service, name } = frames[index];
  const same = (f: Frame): boolean => f.service === service && f.name === name;
  const callers = new Map<string, Neighbour>();
  const callees = new Map<string, Neighbour>();
  const add = (to: Map<string, Neighbour>, of: Frame, part: Frame): void => {
    const key = `${of.service}.${of.name}`;
    const known = to.get(key);
    to.set(key, {
      service: of.service, name: of.name, span: of.span,
      count: (known?.count ?? 0) + part.count, total: (known?.total ?? 0) + part.total,
    });
  };
  for (const frame of frames) {
    if (frame.parent < 0) continue;
    const above = frames[frame.parent];
    if (same(frame)) add(callers, above, frame);
    if (same(above)) add(callees, frame, frame);
  }
  const sorted = (map: Map<string, Neighbour>): Neighbour[] => [...map.values()].sort((a, b) => b.total - a.total);
  return { callers: sorted(callers), callees: sorted(callees) };
}

const MILLION = 1e6;

/** Frames that an area touches, by index. */
export function inArea(frames: readonly Frame[], [from, to, top, bottom]: Area): number[] {
  return [...frames.keys()].filter((i) => {
    const { x, width, depth } = frames[i];
    if (depth < top || depth > bottom) return false;
    // An area of whole millionths laps over the neighbours of what it was made of by less than one.
    const shared = Math.min((x + width) * MILLION, to) - Math.max(x * MILLION, from);
    return shared > 0 && shared >= Math.min(1, (width * MILLION) / 2);
  });
}

/** One operation in an area of the graph. */
export interface Operation {
  readonly service: number;
  readonly name: number;
  readonly count: number;
  readonly errors: number;
  /** Nanoseconds: own time, and the time of its frames with all beneath; a frame inside of another counts once. */
  readonly self: number;
  readonly total: number;
  /** Its longest span. */
  readonly span: number;
}

/** What an area touches, by operation; the most own time first. */
export function operationsIn(frames: readonly Frame[], area: Area): Operation[] {
  const inside = inArea(frames, area);
  const chosen = new Set(inside);
  const sums = new Map<string, Operation>();
  const longest = new Map<string, number>();
  for (const i of inside) {
    const f = frames[i];
    const key = `${f.service}.${f.name}`;
    const known = sums.get(key);
    const total = within(frames, chosen, i) ? 0 : f.total;
    const best = longest.get(key) ?? -1;
    longest.set(key, Math.max(best, f.total));
    sums.set(key, {
      service: f.service, name: f.name,
      count: (known?.count ?? 0) + f.count, errors: (known?.errors ?? 0) + f.errors,
      self: (known?.self ?? 0) + f.self, total: (known?.total ?? 0) + total,
      span: known && best >= f.total ? known.span : f.span,
    });
  }
  return [...sums.values()].sort((a, b) => b.self - a.self || b.total - a.total);
}

/** Whether a frame lies beneath a chosen one of the same operation. */
function within(frames: readonly Frame[], chosen: ReadonlySet<number>, index: number): boolean {
  const { service, name } = frames[index];
  for (let i = frames[index].parent; i >= 0; i = frames[i].parent) {
    if (chosen.has(i) && frames[i].service === service && frames[i].name === name) return true;
  }
  return false;
}

/** The area of a frame and of all that it calls, made to hold another area too. */
export function areaOf(frames: readonly Frame[], index: number, with_: Area | null): Area {
  const { x, width, depth } = frames[index];
  let bottom = depth;
  // Frames are in pre-order: what a frame calls follows it, deeper.
  for (let i = index + 1; i < frames.length && frames[i].depth > depth; i++) bottom = Math.max(bottom, frames[i].depth);
  const [from, to] = [Math.floor(x * MILLION), Math.ceil((x + width) * MILLION)];
  if (!with_) return [from, Math.min(MILLION, to), depth, bottom];
  return [Math.min(from, with_[0]), Math.min(MILLION, Math.max(to, with_[1])), Math.min(depth, with_[2]), Math.max(bottom, with_[3])];
}
