import { ticks } from '../base/time';
import type { Group } from '../model/fold';
import type { Section } from '../model/critical-path';
import { clusters, type Cluster, type Mark } from '../model/marks';
import { groupOf, isMissing, missingOf } from '../model/rows';
import { hasError, type Trace } from '../model/trace';
import { drawMark } from './marks';
import type { Surface } from './surface';

export interface BarsInput {
  readonly trace: Trace;
  readonly rows: Int32Array;
  /** From and to of what is beneath each missing parent, in nanoseconds of the trace. */
  readonly missing: readonly (readonly [number, number])[];
  readonly groups: readonly Group[];
  /** Critical path sections by span, or null when it is not shown. */
  readonly sections: ReadonlyMap<number, readonly Section[]> | null;
  readonly zoom: readonly [number, number];
  readonly scrollTop: number;
  readonly rowHeight: number;
  readonly selectedRow: number;
  readonly hoverRow: number;
  readonly collapsed: ReadonlySet<number>;
  readonly colourOf: (service: number) => string;
  readonly durationOf: (ns: number) => string;
  /** Times of a span's events in nanoseconds of the trace. */
  readonly eventsOf: (span: number) => readonly number[];
  /** Log lines of the spans from one index up to another. */
  readonly linesOf: (from: number, to: number) => readonly Mark[];
  /** The log line that is looked at. */
  readonly line: Mark | undefined;
}

/** Draws the bars of the rows on screen: one pass of rectangles, then one of labels. */
export function drawBars(surface: Surface, input: BarsInput): void {
  const { context, width, height, token } = surface;
  const { rows, scrollTop, rowHeight, zoom } = input;
  const scale = width / (zoom[1] - zoom[0]);
  const first = Math.floor(scrollTop / rowHeight);
  const last = Math.min(rows.length - 1, Math.ceil((scrollTop + height) / rowHeight));
  const colours = {
    text: token('--text'), muted: token('--text-3'), bg: token('--bg'), hairline: token('--hairline'),
    select: token('--select'), hover: token('--hover'), error: token('--error'), warn: token('--warn'), focus: token('--focus'),
  };
  for (const row of [input.hoverRow, input.selectedRow]) {
    if (row < first || row > last) continue;
    context.fillStyle = row === input.selectedRow ? colours.select : colours.hover;
    context.fillRect(0, row * rowHeight - scrollTop, width, rowHeight);
  }
  context.fillStyle = colours.hairline;
  for (const t of ticks(zoom[0], zoom[1], Math.max(2, width / 140))) context.fillRect(Math.round((t - zoom[0]) * scale), 0, 1, height);
  context.font = '12px system-ui, "Liberation Sans", "DejaVu Sans", sans-serif';
  context.textBaseline = 'middle';
  for (let row = first; row <= last; row++) {
    const y = row * rowHeight - scrollTop;
    if (isMissing(rows[row])) drawMissing(surface, input, missingOf(rows[row]), y, scale, colours);
    else if (rows[row] < 0) drawGroup(surface, input, input.groups[groupOf(rows[row])], y, scale, colours);
    else drawSpan(surface, input, rows[row], y, scale, colours);
  }
}

type Colours = Record<'text' | 'muted' | 'bg' | 'error' | 'warn' | 'focus', string>;

function drawSpan(surface: Surface, input: BarsInput, span: number, y: number, scale: number, colours: Colours): void {
  const { context, width } = surface;
  const { trace, zoom, rowHeight } = input;
  const x = (trace.start[span] - zoom[0]) * scale;
  const w = Math.max(2, trace.duration[span] * scale);
  const top = y + 6;
  const h = rowHeight - 12;
  const left = Math.max(-2, x);
  const right = Math.min(width + 2, x + w);
  if (right > 0 && left < width) {
    context.fillStyle = input.colourOf(trace.service[span]);
    context.beginPath();
    context.roundRect(left, top, Math.max(2, right - left), h, 2);
    context.fill();
    if (hasError(trace, span)) {
      context.fillStyle = colours.error;
      context.fillRect(left, top + h, Math.max(2, right - left), 2);
    }
    context.fillStyle = colours.text;
    for (const at of input.eventsOf(span)) {
      const ex = Math.round((at - zoom[0]) * scale);
      if (ex >= 0 && ex <= width) context.fillRect(ex, top - 2, 1, h + 4);
    }
  }
  // A bar shows the critical path of itself and of everything hidden beneath it.
  const until = input.collapsed.has(span) ? trace.end[span] : span + 1;
  drawPath(surface, input, span, until, top + h / 2 - 1, scale, colours);
  const lines = clusters(input.linesOf(span, until), zoom, width);
  drawLabel(surface, input.durationOf(trace.duration[span]), x, pastMarks(x + w, lines), y + rowHeight / 2 + 0.5, colours, lines);
  drawLines(surface, input, lines, y, colours);
}

/** Where the label of a bar may begin: past the log lines at its end. */
function pastMarks(right: number, lines: readonly Cluster[]): number {
  for (const { x } of lines) if (x - right < 12) right = Math.max(right, x + 4);
  return right;
}

function drawLines(surface: Surface, input: BarsInput, lines: readonly Cluster[], y: number, colours: Colours): void {
  for (const { x, kind, marks } of lines) {
    drawMark(surface.context, kind, x, y + input.rowHeight / 2, colours, input.line !== undefined && marks.includes(input.line));
  }
}

/** An outline from the first start to the last end beneath: at least so long must it have run. */
function drawMissing(surface: Surface, input: BarsInput, index: number, y: number, scale: number, colours: Colours): void {
  const { context, width } = surface;
  const [from, to] = input.missing[index];
  const x = (from - input.zoom[0]) * scale;
  const right = Math.max(x + 4, (to - input.zoom[0]) * scale);
  if (right > 0 && x < width) {
    const left = Math.max(-2, x);
    context.strokeStyle = colours.muted;
    context.setLineDash([4, 3]);
    context.strokeRect(left + 0.5, y + 6.5, Math.min(width + 2, right) - left - 1, input.rowHeight - 13);
    context.setLineDash([]);
  }
  drawLabel(surface, `≥ ${input.durationOf(to - from)}`, x, right, y + input.rowHeight / 2 + 0.5, colours);
}

function drawGroup(surface: Surface, input: BarsInput, group: Group, y: number, scale: number, colours: Colours): void {
  const { context, width } = surface;
  const { trace, zoom, rowHeight } = input;
  const top = y + 8;
  const h = rowHeight - 16;
  let drawn = -Infinity;
  let right = -Infinity;
  context.fillStyle = input.colourOf(trace.service[group.first]);
  for (let i = group.first; i < group.first + group.size; i++) {
    const x = (trace.start[i] - zoom[0]) * scale;
    const end = Math.max(x + 1.5, x + trace.duration[i] * scale);
    right = Math.max(right, end);
    if (end <= drawn || end < 0 || x > width) continue;
    context.fillRect(Math.max(x, drawn), top, end - Math.max(x, drawn) - 0.4, h);
    drawn = end;
  }
  if (hasError(trace, group.first)) {
    context.fillStyle = colours.error;
    context.fillRect((trace.start[group.first] - zoom[0]) * scale, top + h, Math.max(2, right - (trace.start[group.first] - zoom[0]) * scale), 2);
  }
  drawPath(surface, input, group.first, group.first + group.size, top + h / 2 - 1, scale, colours);
  const lines = clusters(input.linesOf(group.first, group.first + group.size), zoom, width);
  drawLabel(surface, `${input.durationOf(group.total)} in ${group.size}`, (trace.start[group.first] - zoom[0]) * scale, pastMarks(right, lines), y + rowHeight / 2 + 0.5, colours, lines);
  drawLines(surface, input, lines, y, colours);
}

function drawPath(surface: Surface, input: BarsInput, from: number, to: number, y: number, scale: number, colours: Colours): void {
  if (!input.sections) return;
  const { context, width } = surface;
  for (let span = from; span < to; span++) {
    for (const section of input.sections.get(span) ?? []) {
      const a = Math.max(0, (section.from - input.zoom[0]) * scale);
      const b = Math.min(width, (section.to - input.zoom[0]) * scale);
      if (b <= a) continue;
      context.fillStyle = colours.bg;
      context.fillRect(a, y - 1, Math.max(1, b - a), 4);
      context.fillStyle = colours.text;
      context.fillRect(a, y, Math.max(1, b - a), 2);
    }
  }
}

function drawLabel(surface: Surface, text: string, left: number, right: number, y: number, colours: Colours, lines: readonly Cluster[] = []): void {
  const { context, width } = surface;
  const wide = context.measureText(text).width;
  context.fillStyle = colours.muted;
  if (right < 0) context.fillText(`‹ ${text}`, 4, y);
  else if (left > width) context.fillText(`${text} ›`, width - wide - 16, y);
  else if (right + 6 + wide < width) context.fillText(text, right + 6, y);
  else if (left - 6 - wide > 0) context.fillText(text, left - 6 - wide, y);
  else {
    const free = (at: number): boolean => lines.every((c) => c.x < at - 10 || c.x > at + wide + 10);
    const places = [left + 6, Math.min(width, right) - wide - 8].map((at) => Math.min(width - wide - 8, Math.max(8, at)));
    // Over a log line it would hide what happened; how long the bar is, its details say, too.
    const x = places.find(free);
    if (x === undefined) return;
    context.fillStyle = colours.bg;
    context.fillRect(x - 3, y - 8, wide + 6, 15);
    context.fillStyle = colours.text;
    context.fillText(text, x, y);
  }
}
