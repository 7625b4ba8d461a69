/** Everything a trace page shows, derived from the trace and the view; nothing is kept twice. */
import { criticalPath, pathTime } from '../../model/critical-path';
import { findSpans } from '../../model/find';
import { foldGroups } from '../../model/fold';
import type { TraceFilter, TraceState } from '../../model/links';
import type { LogLine } from '../../model/logs';
import { markAt, nextMark, placeLines, type Mark } from '../../model/marks';
import { collapsedBelow, reveal, rowIndexOf, visibleRows } from '../../model/rows';
import { selfTimes, slowest } from '../../model/self-time';
import { clockSkew, withShift } from '../../model/skew';
import { findById, hasError, spanId, type Trace } from '../../model/trace';

export class TraceModel {
  raw = $state.raw() as Trace;
  view = $state.raw() as TraceState;
  /** The log lines of the trace; null where there is no store of them, or while they are asked for. */
  lines = $state.raw<readonly LogLine[] | null>(null);

  readonly skew = $derived(clockSkew(this.raw));
  readonly trace: Trace = $derived(this.view.skew && this.skew ? withShift(this.raw, this.skew.shift) : this.raw);
  /** By how many nanoseconds the clock of each span is adjusted; null is not at all. */
  readonly shift: Float64Array | null = $derived(this.view.skew && this.skew ? this.skew.shift : null);
  readonly logged = $derived(placeLines(this.trace, this.lines ?? [], this.shift));
  readonly #at = $derived(this.view.at);
  readonly sections = $derived(criticalPath(this.trace));
  readonly path = $derived(pathTime(this.trace, this.sections));
  readonly self = $derived(selfTimes(this.trace));
  readonly folds = $derived(foldGroups(this.raw));
  readonly groups = $derived(this.view.fold ? this.folds : []);
  readonly #find = $derived(this.view.find);
  readonly found = $derived(findSpans(this.raw, this.#find));
  readonly errors = $derived.by(() => {
    const out: number[] = [];
    for (let i = 0; i < this.raw.count; i++) if (hasError(this.raw, i)) out.push(i);
    return out;
  });
  readonly slow = $derived(slowest(this.self));
  readonly #show = $derived(this.view.show);
  readonly #only = $derived(this.view.only);
  readonly only = $derived.by(() => this.#filter());
  // What is open is known by id, in the address: it survives a reload and a trace that grows.
  readonly #level = $derived(this.view.level);
  readonly #toggled = $derived(this.view.toggled);
  readonly #unfolded = $derived(this.view.unfolded);
  readonly collapsed: ReadonlySet<number> = $derived.by(() => {
    const out = this.#level === null ? new Set<number>() : collapsedBelow(this.raw, this.#level);
    for (const span of this.#known(this.#toggled)) if (!out.delete(span)) out.add(span);
    return out;
  });
  readonly unfolded: ReadonlySet<number> = $derived(new Set(this.#known(this.#unfolded)));
  readonly rows = $derived(
    visibleRows(this.raw, { collapsed: this.collapsed, groups: this.groups, unfolded: this.unfolded, only: this.only }),
  );
  readonly #span = $derived(this.view.span);
  readonly selected = $derived(this.#span ? findById(this.raw, this.#span) : -1);
  /** The log line that is looked at. */
  readonly line = $derived(markAt(this.logged.all, this.#at, this.selected));
  readonly selectedRow = $derived(this.selected < 0 ? -1 : rowIndexOf(this.raw, this.rows, this.groups, this.selected));
  readonly #zoom = $derived(this.view.zoom);
  readonly zoom: readonly [number, number] = $derived(this.#zoom ?? [0, this.trace.length || 1]);

  constructor(trace: Trace, view: TraceState) {
    this.raw = trace;
    this.view = view;
  }

  #filter(): Uint8Array | null {
    const tests: ((span: number) => boolean)[] = [];
    if (this.#only && this.#find.trim() !== '') tests.push((i) => this.found.marks[i] === 1);
    if (this.#show.includes('errors')) tests.push((i) => hasError(this.raw, i));
    if (this.#show.includes('path')) tests.push((i) => this.path[i] > 0);
    if (this.#show.includes('slow')) tests.push((i) => this.slow[i] === 1);
    if (tests.length === 0) return null;
    const marks = new Uint8Array(this.raw.count);
    for (let i = 0; i < marks.length; i++) {
      let kept = 1;
      for (const test of tests) if (!test(i)) kept = 0;
      marks[i] = kept;
    }
    return marks;
  }

  /** Takes a filter away, or adds it. */
  filter(by: TraceFilter): void {
    const { show } = this.view;
    this.set({ show: show.includes(by) ? show.filter((f) => f !== by) : [...show, by] });
  }

  set(part: Partial<TraceState>): void {
    this.view = { ...this.view, ...part };
  }

  #known(list: readonly string[]): number[] {
    return list.map((id) => findById(this.raw, id)).filter((span) => span >= 0);
  }

  /** Selects a span and opens what it is hidden in; `folded` leaves its group as it is. */
  select(span: number, folded = false): void {
    if (span < 0) return this.set({ span: '', at: '' });
    const opened = reveal(this.raw, span, this);
    const closed = [...this.collapsed].filter((s) => !opened.collapsed.has(s));
    const first = folded ? [] : [...opened.unfolded].filter((s) => !this.unfolded.has(s));
    this.set({
      span: spanId(this.raw, span),
      at: '',
      ...(closed.length > 0 ? { toggled: this.#flip(this.view.toggled, closed) } : {}),
      ...(first.length > 0 ? { unfolded: this.#flip(this.view.unfolded, first) } : {}),
    });
  }

  /** Selects the span of an event or a log line, and points at it there; a line without a span is shown in its lane. */
  look(mark: Pick<Mark, 'span' | 'time'>): void {
    this.select(mark.span);
    this.set({ tab: 'waterfall', at: mark.time.toString() });
  }

  /** To the next log line in order of time (or the one before), of one severity where it is given. */
  stepLine(by: 1 | -1, kind?: Mark['kind']): void {
    const mark = nextMark(kind ? this.logged.all.filter((m) => m.kind === kind) : this.logged.all, this.line, by);
    if (mark) this.look(mark);
  }

  /** The list with each span's id added, or taken away where it was. */
  #flip(list: readonly string[], spans: readonly number[]): string[] {
    const out = new Set(list);
    for (const id of spans.map((span) => spanId(this.raw, span))) if (!out.delete(id)) out.add(id);
    return [...out];
  }

  toggle(span: number): void {
    if (this.raw.end[span] > span + 1) this.set({ toggled: this.#flip(this.view.toggled, [span]) });
  }

  toggleGroup(first: number): void {
    this.set({ unfolded: this.#flip(this.view.unfolded, [first]) });
  }

  /** Collapses every span at `depth` or deeper, and no other; null opens all. */
  collapseTo(depth: number | null): void {
    this.set({ level: depth, toggled: [] });
  }

  /** Zooms about a moment (nanoseconds); `factor` below 1 comes closer. */
  zoomAt(moment: number, factor: number): void {
    const [from, to] = this.zoom;
    const width = Math.min(this.trace.length, Math.max(100, (to - from) * factor));
    const share = (moment - from) / (to - from || 1);
    this.show(moment - width * share, moment + width * (1 - share));
  }

  pan(share: number): void {
    const [from, to] = this.zoom;
    const by = Math.max(-from, Math.min(this.trace.length - to, (to - from) * share));
    this.show(from + by, to + by);
  }

  show(from: number, to: number): void {
    const low = Math.max(0, Math.min(from, to));
    const high = Math.min(this.trace.length, Math.max(from, to));
    if (high - low < 1) return;
    this.set({ zoom: low <= 0 && high >= this.trace.length ? null : [low, high] });
  }

  /** Takes a newer answer for the same trace; what was opened and closed stays so. */
  grow(trace: Trace): void {
    this.raw = trace;
  }
}
