import { hasError, type Trace } from '../model/trace';
import type { Surface } from './surface';

/** The whole trace at a glance: every span a thin line at its place in the list. */
export function drawMinimap(surface: Surface, trace: Trace, colourOf: (service: number) => string): void {
  const { context, width, height, token } = surface;
  const scale = width / (trace.length || 1);
  const lines = Math.max(1, trace.count);
  const thick = Math.max(1, Math.min(4, height / lines - 0.5));
  const error = token('--error');
  // On one line of pixels the last drawn service wins; a bar that adds nothing is skipped.
  let line = -1;
  let reached = -1;
  for (let i = 0; i < trace.count; i++) {
    const y = Math.floor((i / lines) * (height - thick));
    const x = trace.start[i] * scale;
    const end = x + Math.max(1, trace.duration[i] * scale);
    const failed = hasError(trace, i);
    if (y !== line) {
      line = y;
      reached = -1;
    }
    if (end <= reached && !failed) continue;
    reached = Math.max(reached, end);
    context.fillStyle = failed ? error : colourOf(trace.service[i]);
    context.fillRect(x, y, end - x, thick);
  }
}
