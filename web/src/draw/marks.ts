/** The shapes of log lines on a time axis: told apart without colour, about a middle of 0, 0. */
import type { Mark } from '../model/marks';

export const SHAPES: Record<Mark['kind'], string> = {
  event: 'M-0.5 -7H0.5V7H-0.5Z',
  error: 'M0 -5.5L5.5 0L0 5.5L-5.5 0Z',
  warn: 'M0 -5L5.2 4.2H-5.2Z',
  other: 'M3.2 0A3.2 3.2 0 1 1 -3.2 0A3.2 3.2 0 1 1 3.2 0Z',
};

const paths = new Map<string, Path2D>();

/** Draws the shape of a kind, with a ring where it is the one that is looked at. */
export function drawMark(
  context: CanvasRenderingContext2D,
  kind: Mark['kind'],
  x: number,
  y: number,
  colours: Record<'text' | 'bg' | 'error' | 'warn' | 'focus', string>,
  ring: boolean,
): void {
  let path = paths.get(kind);
  if (!path) paths.set(kind, (path = new Path2D(SHAPES[kind])));
  context.save();
  context.translate(Math.round(x), Math.round(y));
  // A rim of the background keeps a mark apart from the bar and from its neighbours.
  context.strokeStyle = colours.bg;
  context.lineWidth = 4;
  context.lineJoin = 'round';
  context.stroke(path);
  context.fillStyle = kind === 'error' ? colours.error : kind === 'warn' ? colours.warn : colours.bg;
  context.fill(path);
  if (kind === 'other') {
    context.strokeStyle = colours.text;
    context.lineWidth = 1.5;
    context.stroke(path);
  }
  if (ring) {
    context.strokeStyle = colours.focus;
    context.lineWidth = 2;
    context.beginPath();
    context.arc(0, 0, 9, 0, Math.PI * 2);
    context.stroke();
  }
  context.restore();
}
