/** The chain of work that decided when the trace ended. */
import { CONSUMER, PRODUCER, type Trace } from './trace';

/** A stretch of time, in nanoseconds of the trace, that one span is answerable for. */
export interface Section {
  readonly span: number;
  readonly from: number;
  readonly to: number;
}

/**
 * Sections of the critical path of every root, latest first within a root; those of one root are disjoint and sum to its duration.
 *
 * Going backwards from the end of a span, the child that ended last before the cursor is what was
 * waited for. A sibling that overlaps the chosen one was not waited for. Work behind a
 * producer→consumer edge is not waited for either.
 */
export function criticalPath(trace: Trace): Section[] {
  const sections: Section[] = [];
  const children = childrenByEnd(trace);
  for (const root of trace.roots) walk(trace, root, children, sections);
  return sections;
}

interface Children {
  /** Spans sorted by end, latest first, grouped by parent. */
  readonly spans: Int32Array;
  readonly first: Int32Array;
  readonly last: Int32Array;
}

function childrenByEnd(trace: Trace): Children {
  const { count, parent } = trace;
  const first = new Int32Array(count + 1);
  for (let i = 0; i < count; i++) if (parent[i] >= 0) first[parent[i] + 1]++;
  for (let i = 0; i < count; i++) first[i + 1] += first[i];
  const spans = new Int32Array(first[count]);
  const at = first.slice();
  for (let i = 0; i < count; i++) if (parent[i] >= 0) spans[at[parent[i]]++] = i;
  const ends = (i: number): number => trace.start[i] + trace.duration[i];
  for (let i = 0; i < count; i++) {
    if (first[i + 1] - first[i] > 1) {
      spans.subarray(first[i], first[i + 1]).sort((a, b) => ends(b) - ends(a) || trace.start[b] - trace.start[a] || b - a);
    }
  }
  return { spans, first: first.subarray(0, count), last: first.subarray(1) };
}

interface Frame {
  readonly span: number;
  readonly from: number;
  cursor: number;
  next: number;
}

function walk(trace: Trace, root: number, children: Children, sections: Section[]): void {
  const open: Frame[] = [frame(root, children, trace.start[root], trace.start[root] + trace.duration[root])];
  const emit = (span: number, from: number, to: number): void => {
    if (to > from) sections.push({ span, from, to });
  };
  while (open.length > 0) {
    const top = open[open.length - 1];
    let entered = false;
    while (top.next < children.last[top.span]) {
      const child = children.spans[top.next++];
      const from = Math.max(trace.start[child], top.from);
      const to = trace.start[child] + trace.duration[child];
      // A child that outlives its parent is clipped to it; one outside of it was never waited for.
      const until = Math.min(to, trace.start[top.span] + trace.duration[top.span]);
      const detached = trace.kind[top.span] === PRODUCER && trace.kind[child] === CONSUMER;
      if (until > top.cursor || until <= from || detached) continue;
      emit(top.span, until, top.cursor);
      top.cursor = from;
      open.push(frame(child, children, from, until));
      entered = true;
      break;
    }
    if (!entered) {
      emit(top.span, top.from, top.cursor);
      open.pop();
    }
  }
}

function frame(span: number, children: Children, from: number, to: number): Frame {
  return { span, from, cursor: to, next: children.first[span] };
}

/** Nanoseconds of the critical path that fall to each span. */
export function pathTime(trace: Trace, sections: readonly Section[]): Float64Array {
  const time = new Float64Array(trace.count);
  for (const { span, from, to } of sections) time[span] += to - from;
  return time;
}
