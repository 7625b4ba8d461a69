import type { Heatmap } from '../model/heatmap';
import type { Surface } from './surface';

const STOPS = ['--heat-0', '--heat-1', '--heat-2', '--heat-3', '--heat-4'];

/** Cells coloured by the square root of their count, so that one busy cell does not hide the rest. */
export function drawHeatmap(surface: Surface, map: Heatmap, dark: boolean): void {
  // Reading the theme here makes the canvas follow it.
  void dark;
  const { context, width, height } = surface;
  const stops = STOPS.map((name) => rgb(surface.token(name)));
  const rows = map.bounds.length;
  const columns = map.times.length;
  if (rows === 0) return;
  const w = width / columns;
  const h = height / rows;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const count = map.counts[row][column];
      if (!(count > 0)) continue;
      context.fillStyle = mix(stops, Math.sqrt(count / map.max));
      const x = Math.round(column * w);
      const y = Math.round((rows - 1 - row) * h);
      context.fillRect(x, y, Math.max(1, Math.round((column + 1) * w) - x - 1), Math.max(1, Math.round((rows - row) * h) - y - 1));
    }
  }
}

type Rgb = readonly [number, number, number];

const rgb = (hex: string): Rgb => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16)) as unknown as Rgb;

function mix(stops: readonly Rgb[], share: number): string {
  const at = Math.min(1, share) * (stops.length - 1);
  const low = Math.min(stops.length - 2, Math.floor(at));
  const part = at - low;
  const c = stops[low].map((v, i) => Math.round(v + (stops[low + 1][i] - v) * part));
  return `rgb(${c[0]} ${c[1]} ${c[2]})`;
}
