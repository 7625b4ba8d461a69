/** The flame graph of a trace: spans merged by their path of service and operation. */
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

interface Node {
  service: number;
  name: number;
  depth: number;
  parent: number;
  count: number;
  errors: number;
  self: number;
  total: number;
  span: number;
  children: Map<number, number>;
}

/** Frames in pre-order. Width is the weight within the subtree, so children always fit. */
export function flameGraph(trace: Trace, weight: Float64Array): Frame[] {
  const nodes: Node[] = [node(-1, -1, 0, -1, 0)];
  const nodeOf = new Int32Array(trace.count);
  const names = trace.raw.names.length;
  for (let i = 0; i < trace.count; i++) {
    const above = trace.parent[i] < 0 ? 0 : nodeOf[trace.parent[i]];
    const key = trace.service[i] * names + trace.name[i];
    let at = nodes[above].children.get(key);
    if (at === undefined) {
      at = nodes.push(node(trace.service[i], trace.name[i], nodes[above].depth + 1, above, i)) - 1;
      nodes[above].children.set(key, at);
    }
    const found = nodes[at];
    found.count++;
    found.errors += hasError(trace, i) ? 1 : 0;
    found.self += weight[i];
    if (trace.duration[i] > trace.duration[found.span]) found.span = i;
    nodeOf[i] = at;
  }
  for (let i = nodes.length - 1; i >= 0; i--) {
    nodes[i].total += nodes[i].self;
    if (i > 0) nodes[nodes[i].parent].total += nodes[i].total;
  }
  return place(nodes);
}

function node(service: number, name: number, depth: number, parent: number, span: number): Node {
  return { service, name, depth, parent, count: 0, errors: 0, self: 0, total: 0, span, children: new Map() };
}

function place(nodes: readonly Node[]): Frame[] {
  const frames: Frame[] = [];
  const whole = nodes[0].total || 1;
  const stack: { index: number; x: number; parent: number }[] = [{ index: 0, x: 0, parent: -1 }];
  while (stack.length > 0) {
    const { index, x, parent } = stack.pop() as { index: number; x: number; parent: number };
    const { service, name, depth, count, errors, self, total, span, children } = nodes[index];
    let own = -1;
    if (index > 0) {
      own = frames.push({ service, name, depth, parent, count, errors, self, total, x, width: total / whole, span }) - 1;
    }
    let left = x;
    const sorted = [...children.values()].sort((a, b) => nodes[b].total - nodes[a].total);
    const inside = sorted.map((child) => {
      const item = { index: child, x: left, parent: own };
      left += nodes[child].total / whole;
      return item;
    });
    stack.push(...inside.reverse());
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
