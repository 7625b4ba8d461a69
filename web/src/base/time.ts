/** Durations and clock times as people read them. Durations are nanoseconds unless a name says otherwise. */

const UNITS: readonly (readonly [number, string])[] = [
  [86_400e9, 'd'],
  [3_600e9, 'h'],
  [60e9, 'min'],
  [1e9, 's'],
  [1e6, 'ms'],
  [1e3, 'µs'],
];

/** `1532000` → `1.53 ms`: three significant digits, never a rounding to zero. */
export function formatDuration(ns: number): string {
  if (!Number.isFinite(ns)) return '–';
  if (ns === 0) return '0 s';
  if (ns < 0) return `−${formatDuration(-ns)}`;
  for (const [size, unit] of UNITS) {
    if (ns >= size * 0.9995) return `${threeDigits(ns / size)} ${unit}`;
  }
  return `${threeDigits(ns)} ns`;
}

function threeDigits(value: number): string {
  if (value >= 99.95) return String(Math.round(value));
  if (value >= 9.995) return value.toFixed(1).replace(/\.0$/, '');
  return value.toFixed(2).replace(/\.?0+$/, '');
}

const DURATION = /^\s*(\d+(?:\.\d+)?)\s*(ns|us|µs|ms|s|m|min|h|d)?\s*$/;
const SIZES: Record<string, number> = { ns: 1, us: 1e3, 'µs': 1e3, ms: 1e6, s: 1e9, m: 60e9, min: 60e9, h: 3600e9, d: 86400e9 };

/** `1.5s`, `200 ms`, or a bare number of milliseconds, in nanoseconds; null when it is none of them. */
export function parseDuration(text: string): number | null {
  const found = DURATION.exec(text);
  if (!found) return null;
  return Math.round(Number(found[1]) * SIZES[found[2] ?? 'ms']);
}

/** The shortest exact TraceQL literal of a duration: `1500000` → `1500us`. */
export function durationLiteral(ns: number): string {
  const whole = Math.round(ns);
  for (const unit of ['s', 'ms', 'us'] as const) {
    if (whole >= SIZES[unit] && whole % SIZES[unit] === 0) return `${whole / SIZES[unit]}${unit}`;
  }
  return `${whole}ns`;
}

export type Zone = 'local' | 'utc';

const two = (value: number): string => String(value).padStart(2, '0');

/** `14:03:22.123`, in the zone chosen by the reader. */
export function formatClock(ms: number, zone: Zone, fraction = true): string {
  const d = new Date(ms);
  const [h, m, s, f] =
    zone === 'utc'
      ? [d.getUTCHours(), d.getUTCMinutes(), d.getUTCSeconds(), d.getUTCMilliseconds()]
      : [d.getHours(), d.getMinutes(), d.getSeconds(), d.getMilliseconds()];
  return `${two(h)}:${two(m)}:${two(s)}${fraction ? `.${String(f).padStart(3, '0')}` : ''}`;
}

/** `2026-11-23`, in the zone chosen by the reader. */
export function formatDay(ms: number, zone: Zone): string {
  const d = new Date(ms);
  return zone === 'utc'
    ? d.toISOString().slice(0, 10)
    : `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`;
}

export function formatMoment(ms: number, zone: Zone): string {
  return `${formatDay(ms, zone)} ${formatClock(ms, zone)}`;
}

/** A moment (unix ms) as a `datetime-local` field has it: `2026-11-23T14:03:22`. */
export const toField = (ms: number, zone: Zone): string => `${formatDay(ms, zone)}T${formatClock(ms, zone, false)}`;

/** The way back, in unix ms; NaN when the text is no moment. */
export const fromField = (text: string, zone: Zone): number => new Date(zone === 'utc' ? `${text}Z` : text).getTime();

/** `12 s ago`, for a column that is read as freshness. */
export function formatAgo(ms: number, nowMs: number): string {
  const seconds = Math.max(0, Math.round((nowMs - ms) / 1000));
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86400)} d ago`;
}

const STEPS = [1, 2, 5];

/** Round tick positions within `[from, to]`, about `wanted` of them. */
export function ticks(from: number, to: number, wanted: number): number[] {
  const span = to - from;
  if (!(span > 0) || wanted < 1) return [];
  const rough = span / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * (STEPS.find((s) => s * power >= rough) ?? 10);
  const out: number[] = [];
  for (let t = Math.ceil(from / step) * step; t <= to + step * 1e-9; t += step) out.push(t);
  return out;
}

const CLOCK_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800].map((s) => s * 1000);

/** Moments (unix ms) at which a clock reads a round time, at most `wanted` of them. */
export function clockTicks(fromMs: number, toMs: number, wanted: number, zone: Zone): number[] {
  const step = CLOCK_STEPS.find((s) => (toMs - fromMs) / s <= wanted) ?? CLOCK_STEPS[CLOCK_STEPS.length - 1];
  const shift = zone === 'utc' ? 0 : new Date(fromMs).getTimezoneOffset() * 60_000;
  const out: number[] = [];
  for (let t = Math.ceil((fromMs - shift) / step) * step + shift; t <= toMs; t += step) out.push(t);
  return out;
}
