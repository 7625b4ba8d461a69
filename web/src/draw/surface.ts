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

/** Attaches a drawing to a canvas; what the drawing reads decides when it is drawn again. */
export function canvas(draw: (surface: Surface) => void): Attachment<HTMLCanvasElement> {
  return (element) => {
    const context = element.getContext('2d');
    if (!context) return;
    const paint = (): void => {
      const { clientWidth: width, clientHeight: height } = element;
      const ratio = devicePixelRatio || 1;
      const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
      if (element.width !== w || element.height !== h) {
        element.width = w;
        element.height = h;
      }
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      context.clearRect(0, 0, width, height);
      const style = getComputedStyle(document.documentElement);
      draw({ context, width, height, token: (name) => style.getPropertyValue(name).trim() });
    };
    const observer = new ResizeObserver(paint);
    observer.observe(element);
    paint();
    return () => observer.disconnect();
  };
}
