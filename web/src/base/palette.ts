/** Colours of services: stable by name, told apart under every colour deficiency, never red. */

/** Eight hues as [on dark, on light]; red is left out because red means error. */
export const HUES: readonly (readonly [string, string])[] = [
  ['#89c4fb', '#034574'],
  ['#7cf5a2', '#036a34'],
  ['#ae8dfc', '#623da5'],
  ['#019bc2', '#077a99'],
  ['#aa8722', '#a48118'],
  ['#d25d96', '#b03e78'],
  ['#f99dc6', '#7a004b'],
  ['#1fc094', '#199d78'],
];

export interface Mark {
  /** Index into HUES. */
  readonly hue: number;
  /** How many notches tell it apart from other services of the same hue. */
  readonly notches: number;
}

/** FNV-1a over UTF-16 units: small, stable between versions of every browser. */
export function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return h >>> 0;
}

/**
 * One mark for each name. A name keeps its own hue unless another of the list has taken it; then
 * it gets the next free one, and after eight names hues repeat with a notch.
 */
export function assignMarks(names: Iterable<string>): Map<string, Mark> {
  const sorted = [...new Set(names)].sort((a, b) => hash(a) - hash(b) || (a < b ? -1 : 1));
  const used = new Array<number>(HUES.length).fill(0);
  const marks = new Map<string, Mark>();
  sorted.forEach((name, index) => {
    const round = Math.floor(index / HUES.length);
    let hue = hash(name) % HUES.length;
    while (used[hue] > round) hue = (hue + 1) % HUES.length;
    used[hue] = round + 1;
    marks.set(name, { hue, notches: round });
  });
  return marks;
}

/** Black or white, whichever reads better on a colour (WCAG relative luminance). */
export function textOn(hex: string): '#000000' | '#ffffff' {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const c = parseInt(hex.slice(at, at + 2), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
  const luminance = 0.2126 * r + 0.7152 * g + 0.0722 * b;
  return (luminance + 0.05) / 0.05 > 1.05 / (luminance + 0.05) ? '#000000' : '#ffffff';
}
