/** Brings something on screen inside of the box that scrolls it, and leaves the page where it is. */
export function bringInto(box: Element | null, element: HTMLElement): void {
  if (!box) return;
  const [outer, inner] = [box.getBoundingClientRect(), element.getBoundingClientRect()];
  if (inner.top < outer.top + MARGIN || inner.bottom > outer.bottom - MARGIN) {
    box.scrollTop += inner.top - outer.top - Math.max(MARGIN, (outer.height - inner.height) / 3);
  }
}

/** Pixels at the edges of a box in which nothing counts as seen: a head of a table may lie there. */
const MARGIN = 32;
