/** What the keyboard does on a trace. */
import { neighbour } from '../../model/find';
import { firstSpan, groupOf, isGroup, isMissing } from '../../model/rows';
import type { Command } from '../../state/keys.svelte';
import type { TraceModel } from './model.svelte';

const GROUP = 'Trace';
const PAGE = 20;

export function traceCommands(model: TraceModel, find: () => void): Command[] {
  const centre = (): number => {
    const s = model.selected;
    const [from, to] = model.zoom;
    const middle = s >= 0 ? model.trace.start[s] + model.trace.duration[s] / 2 : (from + to) / 2;
    return middle > from && middle < to ? middle : (from + to) / 2;
  };
  const go = (row: number, by = 1): void => {
    if (model.rows.length === 0) return;
    let at = Math.max(0, Math.min(model.rows.length - 1, row));
    // A missing parent has nothing to select; beneath it there is always a span.
    if (isMissing(model.rows[at])) at += at > 0 && by < 0 ? -1 : 1;
    selectRow(model, model.rows[at]);
  };
  const step = (by: number) => (): void => go(model.selectedRow < 0 && by > 0 ? by - 1 : model.selectedRow + by, by);
  const jump = (spans: readonly number[], by: 1 | -1): void => {
    const next = neighbour(spans, model.selected, by);
    if (next >= 0) model.select(next);
  };
  const shown = (): number[] => [...model.rows].filter((r) => !isMissing(r)).map((r) => firstSpan(model.raw, model.groups, r));
  const command = (keys: string[], label: string, run: () => void): Command => ({ keys, label, group: GROUP, run });
  return [
    command(['/'], 'Find in this trace', find),
    command(['n'], 'Next match, or next span', () => jump(model.view.find ? model.found.spans : shown(), 1)),
    command(['Shift+n'], 'Previous match, or previous span', () => jump(model.view.find ? model.found.spans : shown(), -1)),
    command(['e'], 'Next error', () => jump(model.errors, 1)),
    command(['Shift+e'], 'Previous error', () => jump(model.errors, -1)),
    command(['j'], 'Next log line', () => model.stepLine(1)),
    command(['Shift+j'], 'Previous log line', () => model.stepLine(-1)),
    command(['ArrowDown'], 'Next row', step(1)),
    command(['ArrowUp'], 'Previous row', step(-1)),
    command(['PageDown'], 'A page down', step(PAGE)),
    command(['PageUp'], 'A page up', step(-PAGE)),
    command(['Home'], 'First row', () => go(0)),
    command(['End'], 'Last row', () => go(model.rows.length - 1)),
    command(['ArrowLeft'], 'Collapse, then to the parent', () => collapse(model)),
    command(['ArrowRight'], 'Expand, then to the first child', () => expand(model)),
    command(['*'], 'Collapse or expand the selected span', () => model.selected >= 0 && model.toggle(model.selected)),
    command(['['], 'Expand everything', () => model.collapseTo(null)),
    command([']'], 'Collapse everything', () => model.collapseTo(0)),
    command(['o'], 'Expand one level', () => model.view.level !== null && model.collapseTo(model.view.level + 1)),
    command(['p'], 'Collapse one level', () => {
      const deepest = model.raw.depth.reduce((a, b) => Math.max(a, b), 0);
      model.collapseTo(Math.max(0, Math.min(model.view.level ?? Infinity, deepest) - 1));
    }),
    command(['w'], 'Zoom in', () => model.zoomAt(centre(), 0.7)),
    command(['s'], 'Zoom out', () => model.zoomAt(centre(), 1 / 0.7)),
    command(['a'], 'Pan left', () => model.pan(-0.15)),
    command(['d'], 'Pan right', () => model.pan(0.15)),
    command(['Shift+w'], 'Zoom in fast', () => model.zoomAt(centre(), 0.2)),
    command(['Shift+s'], 'Zoom out fast', () => model.zoomAt(centre(), 5)),
    command(['Shift+a'], 'Pan left fast', () => model.pan(-0.7)),
    command(['Shift+d'], 'Pan right fast', () => model.pan(0.7)),
    command(['f'], 'Fit the selected span', () => fit(model)),
    command(['0'], 'Show all of the time', () => model.set({ zoom: null })),
    command(['c'], 'Critical path on bars', () => model.set({ path: !model.view.path })),
    command(['x'], 'Fold similar siblings', () => model.set({ fold: !model.view.fold })),
    command(['1'], 'Waterfall', () => model.set({ tab: 'waterfall' })),
    command(['2'], 'Flame graph', () => model.set({ tab: 'flame' })),
    command(['3'], 'Statistics', () => model.set({ tab: 'statistics' })),
    command(['4'], 'Critical path, step by step', () => model.set({ tab: 'path' })),
    command(['5'], 'Logs', () => model.set({ tab: 'logs' })),
    command(['6'], 'Model calls', () => model.set({ tab: 'genai' })),
    command(['l'], 'Only the slowest spans', () => model.filter('slow')),
    command(['Enter'], 'Details of the first row, or unfold', () => {
      if (model.selectedRow < 0) return go(0);
      const code = model.rows[model.selectedRow];
      if (isGroup(code)) model.toggleGroup(model.groups[groupOf(code)].first);
    }),
    command(['Escape'], 'Undo one step: details, find, zoom', () => {
      if (model.view.tab === 'flame' && (model.view.area || model.view.frame)) model.set({ area: null, near: false, frame: '' });
      else if (model.selected >= 0 || model.view.at) model.select(-1);
      else if (model.view.find) model.set({ find: '', only: false });
      else model.set({ zoom: null });
    }),
  ];
}

function selectRow(model: TraceModel, code: number): void {
  if (!isGroup(code)) return model.select(code);
  // A folded row stays folded when it is walked over; its first span lends it the selection.
  model.select(model.groups[groupOf(code)].first, true);
}

function collapse(model: TraceModel): void {
  const s = model.selected;
  if (s < 0) return;
  const leaf = model.raw.end[s] === s + 1;
  const group = model.groups.find((g) => g.first <= s && s < g.first + g.size);
  if (group && model.unfolded.has(group.first)) model.toggleGroup(group.first);
  else if (!leaf && !model.collapsed.has(s)) model.toggle(s);
  else if (model.raw.parent[s] >= 0) model.select(model.raw.parent[s]);
}

function expand(model: TraceModel): void {
  const s = model.selected;
  if (s < 0) return;
  const code = model.rows[model.selectedRow];
  if (isGroup(code)) model.toggleGroup(model.groups[groupOf(code)].first);
  else if (model.collapsed.has(s)) model.toggle(s);
  else if (model.raw.end[s] > s + 1) model.select(s + 1);
}

function fit(model: TraceModel): void {
  const s = model.selected;
  if (s < 0) return model.set({ zoom: null });
  const { start, duration } = model.trace;
  const margin = duration[s] * 0.05 + 50;
  model.show(start[s] - margin, start[s] + duration[s] + margin);
}
