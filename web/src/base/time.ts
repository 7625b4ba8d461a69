/** Durations and clock times as people read them. Durations are nanoseconds unless a name says otherwise. */
import { momentOf, wallOf, type Zone } from './zone';

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

// A Date holds no moment beyond it; two days less, for the zone.
const FARTHEST = 8.64e15 - 2 * 86_400_000;

/** As ISO 8601 has it, without its zone; empty for what is no moment. */
const iso = (ms: number, zone: Zone): string => (Math.abs(ms) <= FARTHEST ? new Date(wallOf(ms, zone)).toISOString().slice(0, -1) : '');

/** `14:03:22.123`, in the zone chosen by the reader. */
export function formatClock(ms: number, zone: Zone, fraction = true): string {
  const clock = iso(ms, zone).split('T')[1] ?? '–';
  return fraction ? clock : clock.slice(0, 8);
}

/** `2026-11-23`, in the zone chosen by the reader. */
export const formatDay = (ms: number, zone: Zone): string => iso(ms, zone).split('T')[0] || '–';

export function formatMoment(ms: number, zone: Zone): string {
  return `${formatDay(ms, zone)} ${formatClock(ms, zone)}`;
}

/** A moment (unix ms) as a `datetime-local` field has it: `2026-11-23T14:03:22`. */
export const toField = (ms: number, zone: Zone): string => `${formatDay(ms, zone)}T${formatClock(ms, zone, false)}`;

/** The way back, in unix ms; NaN when the text is no moment. */
export function fromField(text: string, zone: Zone): number {
  const wall = new Date(`${text}Z`).getTime();
  return Number.isNaN(wall) ? wall : momentOf(wall, zone);
}

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
  const out: number[] = [];
  for (let wall = Math.ceil(wallOf(fromMs, zone) / step) * step; ; wall += step) {
    const moment = momentOf(wall, zone);
    if (moment > toMs) return out;
    // Where clocks are set back or forward, a reading may be out of range, or stand for the moment before it.
    if (moment >= fromMs && moment > (out.at(-1) ?? -Infinity)) out.push(moment);
  }
}

/** Room of a label below a chart in 12 px, in pixels: with seconds and without. */
const LABEL = { seconds: 58, minutes: 40 };
const DAY = 86_400_000;

/** Round moments with their labels, as many as fit below a chart: the time of the day, and the date at midnight. */
export function clockAxis(fromMs: number, toMs: number, widthPx: number, zone: Zone): { readonly ms: number; readonly text: string }[] {
  const fitting = (label: number): number[] => clockTicks(fromMs, toMs, Math.max(1, Math.floor(widthPx / (label * 1.3))), zone);
  const minutes = fitting(LABEL.minutes);
  const seconds = minutes.some((ms) => ms % 60_000 !== 0);
  const moments = seconds ? fitting(LABEL.seconds) : minutes;
  const room = ((seconds ? LABEL.seconds : LABEL.minutes) / Math.max(1, widthPx)) * (toMs - fromMs);
  return moments
    .filter((ms) => ms + room <= toMs)
    .map((ms) => ({ ms, text: wallOf(ms, zone) % DAY === 0 ? formatDay(ms, zone).slice(5) : formatClock(ms, zone, false).slice(0, seconds ? 8 : 5) }));
}
