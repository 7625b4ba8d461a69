/** What each page keeps in its address. Defaults are never written, so links stay short and open for years. */
import type { Selection } from './heatmap';

export type Route =
  | { readonly page: 'explore' }
  | { readonly page: 'trace'; readonly id: string }
  | { readonly page: 'compare'; readonly a: string; readonly b: string }
  /** A trace of a file that was opened; without an id the list of its traces. */
  | { readonly page: 'file'; readonly id: string }
  | { readonly page: 'services' }
  | { readonly page: 'metrics' }
  | { readonly page: 'live' }
  | { readonly page: 'lost'; readonly path: string };

const ID = '([0-9a-fA-F]{1,32})';

export function routeOf(path: string): Route {
  const clean = path.replace(/\/+$/, '') || '/';
  if (clean === '/' || clean === '/search' || clean === '/explore') return { page: 'explore' };
  const trace = new RegExp(`^/trace/${ID}$`).exec(clean);
  if (trace) return { page: 'trace', id: padId(trace[1]) };
  const compare = new RegExp(`^/compare/${ID}/${ID}$`).exec(clean);
  if (compare) return { page: 'compare', a: padId(compare[1]), b: padId(compare[2]) };
  const file = new RegExp(`^/file(?:/${ID})?$`).exec(clean);
  if (file) return { page: 'file', id: file[1] ? padId(file[1]) : '' };
  if (clean === '/services' || clean === '/metrics' || clean === '/live') {
    return { page: clean.slice(1) as 'services' | 'metrics' | 'live' };
  }
  return { page: 'lost', path };
}

/** A trace id in full; leading zeros are often left out. */
export const padId = (id: string): string => id.toLowerCase().padStart(32, '0');

export const tracePath = (id: string, span?: string): string => `/trace/${padId(id)}${span ? `?span=${span}` : ''}`;

export const filePath = (id = ''): string => (id ? `/file/${padId(id)}` : '/file');

export const comparePath = (a: string, b: string): string => `/compare/${padId(a)}/${padId(b)}`;

/** A range of time: the last so many seconds, or two moments in unix seconds. */
export type Range =
  | { readonly last: number }
  | { readonly from: number; readonly to: number };

export const RANGES: readonly (readonly [number, string, string])[] = [
  [300, '5m', 'Last 5 minutes'],
  [900, '15m', 'Last 15 minutes'],
  [3600, '1h', 'Last hour'],
  [21600, '6h', 'Last 6 hours'],
  [86400, '24h', 'Last 24 hours'],
  [604800, '7d', 'Last 7 days'],
];

export const DEFAULT_RANGE: Range = { last: 3600 };

export function readRange(params: URLSearchParams): Range {
  const preset = RANGES.find(([, code]) => code === params.get('range'));
  if (preset) return { last: preset[0] };
  const [from, to] = [Number(params.get('from')), Number(params.get('to'))];
  return from > 0 && to > from ? { from, to } : DEFAULT_RANGE;
}

export function writeRange(range: Range, params: URLSearchParams): void {
  for (const key of ['range', 'from', 'to']) params.delete(key);
  if ('last' in range) {
    if (range.last !== 3600) params.set('range', RANGES.find(([s]) => s === range.last)?.[1] ?? '1h');
  } else {
    params.set('from', String(range.from));
    params.set('to', String(range.to));
  }
}

/** The two moments of a range in unix seconds, now being `nowMs`. */
export function momentsOf(range: Range, nowMs: number): { from: number; to: number } {
  if ('from' in range) return range;
  // The end lies a second ahead: what was acknowledged this very second belongs to the answer.
  const to = Math.ceil(nowMs / 1000) + 1;
  return { from: to - range.last, to };
}

export interface ExploreState {
  readonly query: string;
  readonly range: Range;
  readonly selection: Selection | null;
  /** Spans that the heatmap counts; null is what fits the query. */
  readonly spans: 'roots' | 'all' | null;
  readonly limit: number;
  readonly sort: string;
}

export const EXPLORE_LIMIT = 50;

export function readExplore(params: URLSearchParams): ExploreState {
  const limit = Number(params.get('limit'));
  return {
    query: params.get('q') ?? '',
    range: readRange(params),
    selection: readSelection(params.get('sel')),
    spans: params.get('spans') === 'all' ? 'all' : params.get('spans') === 'roots' ? 'roots' : null,
    limit: limit > 0 && limit <= 1000 ? Math.floor(limit) : EXPLORE_LIMIT,
    sort: params.get('sort') ?? '-start',
  };
}

export function writeExplore(state: ExploreState): URLSearchParams {
  const params = new URLSearchParams();
  if (state.query.trim()) params.set('q', state.query);
  writeRange(state.range, params);
  if (state.selection) params.set('sel', writeSelection(state.selection));
  if (state.spans) params.set('spans', state.spans);
  if (state.limit !== EXPLORE_LIMIT) params.set('limit', String(state.limit));
  if (state.sort !== '-start') params.set('sort', state.sort);
  return params;
}

/** `fromMs-toMs-lowNs-highNs`; a missing last number means no upper bound. */
export const writeSelection = (s: Selection): string =>
  [s.fromMs, s.toMs, s.low, s.high === Infinity ? '' : s.high].join('-');

function readSelection(text: string | null): Selection | null {
  const found = /^(\d+)-(\d+)-(\d+)-(\d*)$/.exec(text ?? '');
  if (!found) return null;
  const [fromMs, toMs, low] = [1, 2, 3].map((i) => Number(found[i]));
  const high = found[4] === '' ? Infinity : Number(found[4]);
  return toMs > fromMs && high > low ? { fromMs, toMs, low, high } : null;
}

export const explorePath = (query: string, range?: Range): string => {
  const params = new URLSearchParams();
  if (query) params.set('q', query);
  if (range) writeRange(range, params);
  const text = params.toString();
  return text ? `/?${text}` : '/';
};

/** The charts of one service, or of one of its routes. */
export const servicesPath = (service: string, route: string, range: Range): string => {
  const params = new URLSearchParams();
  if (route) params.set('by', 'route');
  params.set('row', `${service}\n${route}`);
  writeRange(range, params);
  return `/services?${params.toString()}`;
};

export type TraceTab = 'waterfall' | 'flame' | 'statistics' | 'path' | 'logs' | 'genai';

/** What a filter of the waterfall keeps. */
export type TraceFilter = 'errors' | 'path' | 'slow';

export interface TraceState {
  readonly tab: TraceTab;
  /** Hex id of the selected span, or empty. */
  readonly span: string;
  /** Unix nanoseconds of the event or log line that is looked at, or empty. */
  readonly at: string;
  readonly find: string;
  readonly only: boolean;
  /** Spans that meet every one of these are shown, with what leads to them. */
  readonly show: readonly TraceFilter[];
  /** What the statistics are grouped by. */
  readonly by: string;
  readonly path: boolean;
  readonly fold: boolean;
  readonly skew: boolean;
  /** Depth from which spans are collapsed; null is none. */
  readonly level: number | null;
  /** Hex ids of spans that are collapsed where the level leaves them open, or the other way around. */
  readonly toggled: readonly string[];
  /** Hex ids of the first spans of folded groups that are open. */
  readonly unfolded: readonly string[];
  /** What the flame graph weighs: every span, or its part of the critical path. */
  readonly onPath: boolean;
  /** Hex id of the longest span of the frame that the flame graph is about, or empty. */
  readonly frame: string;
  /** What is selected in the flame graph, or null. */
  readonly area: Area | null;
  /** The flame graph shows the selected area alone. */
  readonly near: boolean;
  /** Visible stretch of time in nanoseconds of the trace; null is all of it. */
  readonly zoom: readonly [number, number] | null;
}

/** A part of the flame graph: from and to in millionths of its width, first and last depth. */
export type Area = readonly [from: number, to: number, top: number, bottom: number];

/** More ids would make an address that servers refuse; the newest are kept. */
const MOST_IDS = 200;
const ids = (text: string | null): string[] => (text ?? '').split('.').filter((id) => /^[0-9a-f]{16}$/.test(id));
const writeIds = (list: readonly string[]): string => list.slice(-MOST_IDS).join('.');

function readArea(text: string | null): Area | null {
  const found = /^(\d+)-(\d+)-(\d+)-(\d+)$/.exec(text ?? '');
  if (!found) return null;
  const [from, to, top, bottom] = found.slice(1).map(Number);
  return to > from && to <= 1e6 && top >= 1 && bottom >= top ? [from, to, top, bottom] : null;
}

const TABS: readonly TraceTab[] = ['waterfall', 'flame', 'statistics', 'path', 'logs', 'genai'];
const FILTERS: readonly TraceFilter[] = ['errors', 'path', 'slow'];

export function readTraceState(params: URLSearchParams): TraceState {
  const zoom = /^(\d+)-(\d+)$/.exec(params.get('zoom') ?? '');
  const tab = params.get('view') as TraceTab;
  const area = readArea(params.get('area'));
  return {
    tab: TABS.includes(tab) ? tab : 'waterfall',
    span: /^[0-9a-f]{16}$/.test(params.get('span') ?? '') ? (params.get('span') as string) : '',
    at: /^\d{1,20}$/.test(params.get('at') ?? '') ? (params.get('at') as string) : '',
    find: params.get('find') ?? '',
    only: params.has('only'),
    show: FILTERS.filter((f) => (params.get('show') ?? '').split('.').includes(f)),
    by: params.get('by') || 'operation',
    path: !params.has('nopath'),
    fold: !params.has('nofold'),
    skew: params.has('skew'),
    level: /^\d{1,5}$/.test(params.get('level') ?? '') ? Number(params.get('level')) : null,
    toggled: ids(params.get('closed')),
    unfolded: ids(params.get('open')),
    onPath: params.has('onpath'),
    frame: ids(params.get('frame'))[0] ?? '',
    area,
    near: area !== null && params.has('near'),
    zoom: zoom && Number(zoom[2]) > Number(zoom[1]) ? [Number(zoom[1]), Number(zoom[2])] : null,
  };
}

export function writeTraceState(state: TraceState): URLSearchParams {
  const params = new URLSearchParams();
  if (state.tab !== 'waterfall') params.set('view', state.tab);
  if (state.span) params.set('span', state.span);
  if (state.at) params.set('at', state.at);
  if (state.find) params.set('find', state.find);
  if (state.only) params.set('only', '');
  if (state.show.length > 0) params.set('show', state.show.join('.'));
  if (state.by !== 'operation') params.set('by', state.by);
  if (!state.path) params.set('nopath', '');
  if (!state.fold) params.set('nofold', '');
  if (state.skew) params.set('skew', '');
  if (state.level !== null) params.set('level', String(state.level));
  if (state.toggled.length > 0) params.set('closed', writeIds(state.toggled));
  if (state.unfolded.length > 0) params.set('open', writeIds(state.unfolded));
  if (state.onPath) params.set('onpath', '');
  if (state.frame) params.set('frame', state.frame);
  if (state.area) params.set('area', state.area.join('-'));
  if (state.near) params.set('near', '');
  if (state.zoom) params.set('zoom', state.zoom.map(Math.round).join('-'));
  return params;
}
