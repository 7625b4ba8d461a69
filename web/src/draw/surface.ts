/** A canvas as sharp as the screen, drawn again when its size, its data or the theme change. */
import type { Attachment } from 'svelte/attachments';

export interface Surface {
  readonly context: CanvasRenderingContext2D;
  /** CSS pixels. */
  readonly width: number;
  readonly height: number;
  /** The value of a colour token of the present theme. */
  readonly token: (name: string) => string;
}

interface Size {
  readonly width: number;
  readonly height: number;
}

/** What the observer saw last: asking the element itself would lay out the page in the middle of a change. */
const sizes = new WeakMap<HTMLCanvasElement, Size>();
const tokens = new Map<string, string>();

/** Attaches a drawing to a canvas; what the drawing reads decides when it is drawn again. */
export function canvas(draw: (surface: Surface) => void): Attachment<HTMLCanvasElement> {
  return (element) => {
    const context = element.getContext('2d');
    if (!context) return;
    const paint = ({ width, height }: Size): void => {
      sizes.set(element, { width, height });
      const ratio = devicePixelRatio || 1;
      const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
      if (element.width !== w || element.height !== h) {
        element.width = w;
        element.height = h;
      }
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      context.clearRect(0, 0, width, height);
      draw({ context, width, height, token });
    };
    paint(sizes.get(element) ?? { width: element.clientWidth, height: element.clientHeight });
    const observer = new ResizeObserver(() => {
      const size = { width: element.clientWidth, height: element.clientHeight };
      const drawn = sizes.get(element);
      // The first call comes although nothing has changed.
      if (drawn?.width !== size.width || drawn.height !== size.height) paint(size);
    });
    observer.observe(element);
    return () => observer.disconnect();
  };
}

function token(name: string): string {
  const root = document.documentElement;
  const key = `${root.dataset['theme']} ${name}`;
  let value = tokens.get(key);
  if (value === undefined) {
    value = getComputedStyle(root).getPropertyValue(name).trim();
    tokens.set(key, value);
  }
  return value;
}
