/** Two traces side by side: what was added, removed, slower or faster. */
import { nameOf, serviceOf, type Trace } from './trace';

export type Change = 'same' | 'slower' | 'faster' | 'added' | 'removed';

/** One line of the merged tree: spans of one path, in either trace or both. */
export interface DiffLine {
  readonly service: string;
  readonly name: string;
  readonly depth: number;
  readonly change: Change;
  /** How many spans of this path each trace has, and their summed duration in nanoseconds. */
  readonly countA: number;
  readonly countB: number;
  readonly totalA: number;
  readonly totalB: number;
  /** One span of each trace to look at, or -1. */
  readonly spanA: number;
  readonly spanB: number;
}

interface Node {
  readonly service: string;
  readonly name: string;
  readonly depth: number;
  readonly spans: [number[], number[]];
  readonly children: Map<string, Node>;
  readonly order: [number, number];
}

/** Durations count as equal within 1 ms plus a fifth. */
const SLACK_NS = 1e6;
const SLACK_SHARE = 0.2;

/**
 * Spans are matched by their path of service and operation. What one trace alone has is rescued by
 * service and operation under the nearest common ancestor, so that a layer put in between does not
 * recolour everything beneath it.
 */
export function diffTraces(a: Trace, b: Trace): DiffLine[] {
  const root = node('', '', 0, 0);
  grow(root, a, 0);
  grow(root, b, 1);
  rescue(root);
  const lines: DiffLine[] = [];
  const stack = sorted(root).reverse();
  while (stack.length > 0) {
    const top = stack.pop() as Node;
    if (top.spans[0].length + top.spans[1].length > 0) lines.push(line(top, a, b));
    stack.push(...sorted(top).reverse());
  }
  return lines;
}

const node = (service: string, name: string, depth: number, start: number): Node => ({
  service, name, depth, spans: [[], []], children: new Map(), order: [start, start],
});

function grow(root: Node, trace: Trace, side: 0 | 1): void {
  const at: Node[] = [];
  for (let i = 0; i < trace.count; i++) {
    const parent = trace.parent[i] < 0 ? root : at[trace.parent[i]];
    const key = keyOf(serviceOf(trace, i), nameOf(trace, i));
    let found = parent.children.get(key);
    if (!found) {
      found = node(serviceOf(trace, i), nameOf(trace, i), parent.depth + 1, trace.start[i]);
      parent.children.set(key, found);
    }
    found.spans[side].push(i);
    at.push(found);
  }
}

const keyOf = (service: string, name: string): string => `${service}\u0000${name}`;

const sorted = (n: Node): Node[] => [...n.children.values()].sort((x, y) => x.order[0] - y.order[0]);

/** Puts a child that only one side has into the same-named one that the other side has deeper or higher. */
function rescue(root: Node): void {
  const all: { node: Node; parent: Node }[] = [];
  const stack: Node[] = [root];
  while (stack.length > 0) {
    const top = stack.pop() as Node;
    for (const child of top.children.values()) {
      all.push({ node: child, parent: top });
      stack.push(child);
    }
  }
  const lonely = (side: 0 | 1): Map<string, { node: Node; parent: Node }> => {
    const out = new Map<string, { node: Node; parent: Node }>();
    for (const one of all) {
      if (one.node.spans[side].length > 0 && one.node.spans[1 - side].length === 0) {
        const key = keyOf(one.node.service, one.node.name);
        if (!out.has(key)) out.set(key, one);
      }
    }
    return out;
  };
  const [onlyA, onlyB] = [lonely(0), lonely(1)];
  for (const [key, from] of onlyA) {
    const to = onlyB.get(key);
    if (!to || inside(from.node, to.node) || inside(to.node, from.node)) continue;
    to.node.spans[0].push(...from.node.spans[0]);
    from.node.spans[0].length = 0;
    merge(from.node, to.node);
    if (from.node.children.size === 0) from.parent.children.delete(key);
  }
}

function merge(from: Node, to: Node): void {
  for (const [key, child] of [...from.children]) {
    const twin = to.children.get(key);
    if (!twin) continue;
    twin.spans[0].push(...child.spans[0]);
    child.spans[0].length = 0;
    merge(child, twin);
    if (child.children.size === 0) from.children.delete(key);
  }
}

function inside(above: Node, below: Node): boolean {
  const stack = [...above.children.values()];
  while (stack.length > 0) {
    const top = stack.pop() as Node;
    if (top === below) return true;
    stack.push(...top.children.values());
  }
  return false;
}

function line(n: Node, a: Trace, b: Trace): DiffLine {
  const sum = (trace: Trace, spans: readonly number[]): number => spans.reduce((total, s) => total + trace.duration[s], 0);
  const [totalA, totalB] = [sum(a, n.spans[0]), sum(b, n.spans[1])];
  return {
    service: n.service,
    name: n.name,
    depth: n.depth - 1,
    change: changeOf(n.spans[0].length, n.spans[1].length, totalA, totalB),
    countA: n.spans[0].length,
    countB: n.spans[1].length,
    totalA,
    totalB,
    spanA: n.spans[0][0] ?? -1,
    spanB: n.spans[1][0] ?? -1,
  };
}

/** The same by operation, wherever in the trees: the greatest difference of time first. */
export function diffOperations(a: Trace, b: Trace): DiffLine[] {
  const all = new Map<string, Node>();
  for (const [side, trace] of [[0, a], [1, b]] as const) {
    for (let i = 0; i < trace.count; i++) {
      const key = keyOf(serviceOf(trace, i), nameOf(trace, i));
      const found = all.get(key) ?? node(serviceOf(trace, i), nameOf(trace, i), 1, 0);
      all.set(key, found);
      found.spans[side].push(i);
    }
  }
  const apart = (l: DiffLine): number => Math.abs(l.totalB - l.totalA);
  return [...all.values()].map((n) => line(n, a, b)).sort((x, y) => apart(y) - apart(x));
}

function changeOf(countA: number, countB: number, totalA: number, totalB: number): Change {
  if (countA === 0) return 'added';
  if (countB === 0) return 'removed';
  if (Math.abs(totalA - totalB) <= SLACK_NS + SLACK_SHARE * Math.max(totalA, totalB)) return 'same';
  return totalB > totalA ? 'slower' : 'faster';
}
