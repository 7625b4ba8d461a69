/** Moments on the time axis of a trace: the events of its spans, and the log lines beside them. */
import { levelOf, severityOf, withSpans, type LogLine, type Severity } from './logs';
import { showValue } from './show';
import { detailOf, serviceOf, type Trace } from './trace';

export interface Mark {
  /** Unix nanoseconds, as it was sent. */
  readonly time: bigint;
  /** Nanoseconds of the trace as it is shown: the clock of its span may have been adjusted. */
  readonly at: number;
  /** Index of the span, -1 for a line without one in this trace. */
  readonly span: number;
  readonly service: string;
  /** What it is drawn as. */
  readonly kind: 'event' | Severity;
  /** The name of an event, the level of a line, or nothing. */
  readonly title: string;
  readonly text: string;
}

/** Log lines of a trace by where they are drawn. */
export interface PlacedLines {
  /** In the order of the spans, those of a span in order of time. */
  readonly spans: readonly Mark[];
  /** Without a span of this trace, in order of time. */
  readonly loose: readonly Mark[];
  /** All of them in order of time. */
  readonly all: readonly Mark[];
}

/** `shift` is by how many nanoseconds the clock of each span was adjusted, null is not at all. */
export function placeLines(trace: Trace, lines: readonly LogLine[], shift: Float64Array | null): PlacedLines {
  const all = withSpans(trace, lines).map((line): Mark => {
    const at = Number(line.time - trace.origin) + (shift && line.span >= 0 ? shift[line.span] : 0);
    return { time: line.time, at, span: line.span, service: line.service, kind: severityOf(line.level), title: levelOf(line.level), text: line.text };
  });
  all.sort((a, b) => a.at - b.at);
  const spans = all.filter((m) => m.span >= 0).sort((a, b) => a.span - b.span || a.at - b.at);
  return { spans, loose: all.filter((m) => m.span < 0), all };
}

/** The marks of the spans from one index up to another. */
export function within(marks: readonly Mark[], from: number, to: number): readonly Mark[] {
  const first = firstFrom(marks, from);
  return first < marks.length && marks[first].span < to ? marks.slice(first, firstFrom(marks, to)) : [];
}

function firstFrom(marks: readonly Mark[], span: number): number {
  let [low, high] = [0, marks.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (marks[middle].span < span) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The events of a span. */
export function eventMarks(trace: Trace, span: number, shift: Float64Array | null): Mark[] {
  return detailOf(trace, span).events.map((e) => ({
    time: e.time,
    at: Number(e.time - trace.origin) + (shift ? shift[span] : 0),
    span,
    service: serviceOf(trace, span),
    kind: 'event',
    title: e.name,
    text: e.attributes.map((a) => `${a.key}=${showValue(a.value).slice(0, 300)}`).join(' ').slice(0, 2000),
  }));
}

/** Marks that are drawn as one, because they would lie over each other. */
export interface Cluster {
  /** Pixels from the left of the axis. */
  readonly x: number;
  /** The worst of its marks. */
  readonly kind: Mark['kind'];
  readonly marks: readonly Mark[];
}

/** Pixels below which two marks are one: so many that their shapes can be told apart. */
const APART = 9;
const RANK: Record<Mark['kind'], number> = { event: 0, other: 1, warn: 2, error: 3 };

/** The marks between the two ends of the axis, of `width` pixels, that can be told apart. */
export function clusters(marks: readonly Mark[], zoom: readonly [number, number], width: number, apart = APART): Cluster[] {
  const scale = width / (zoom[1] - zoom[0] || 1);
  const out: { x: number; kind: Mark['kind']; marks: Mark[] }[] = [];
  const inOrder = marks.length > 1 ? [...marks].sort((a, b) => a.at - b.at) : marks;
  for (const mark of inOrder) {
    if (mark.at < zoom[0] || mark.at > zoom[1]) continue;
    const x = (mark.at - zoom[0]) * scale;
    const last = out.at(-1);
    if (last && x - last.x < apart) {
      last.marks.push(mark);
      if (RANK[mark.kind] > RANK[last.kind]) last.kind = mark.kind;
    } else out.push({ x, kind: mark.kind, marks: [mark] });
  }
  return out;
}

/** The mark at a moment (unix nanoseconds): that of one span where several have the same moment. */
export function markAt(marks: readonly Mark[], time: string, span: number): Mark | undefined {
  const there = time ? marks.filter((m) => m.time.toString() === time) : [];
  return there.find((m) => m.span === span) ?? there[0];
}

/** The mark after another in order of time (or before it), going around; without another, the first (or the last). */
export function nextMark(marks: readonly Mark[], from: Mark | undefined, by: 1 | -1): Mark | undefined {
  if (!from) return marks.at(by > 0 ? 0 : -1);
  const isThere = (m: Mark): boolean => m.time === from.time && m.span === from.span;
  const at = by > 0 ? marks.findLastIndex(isThere) : marks.findIndex(isThere);
  if (at >= 0) return marks[(at + by + marks.length) % marks.length];
  return by > 0 ? (marks.find((m) => m.at >= from.at) ?? marks[0]) : (marks.findLast((m) => m.at <= from.at) ?? marks.at(-1));
}
