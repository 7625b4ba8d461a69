/** The names of all services met so far, and the colour of each. */
import { untrack } from 'svelte';
import { assignMarks, type Mark } from '../base/palette';

const OTHER: Mark = { hue: 0, notches: 0 };

class Services {
  #names = $state.raw<readonly string[]>([]);
  readonly #marks: Map<string, Mark> = $derived(assignMarks(this.#names));

  /** Adds names; colours of those known stay unless they collide. */
  know(names: Iterable<string>): void {
    // Whoever teaches a name must not come to depend on all of them.
    untrack(() => {
      const all = new Set(this.#names);
      const before = all.size;
      for (const name of names) if (name) all.add(name);
      if (all.size !== before) this.#names = [...all];
    });
  }

  get names(): readonly string[] {
    return this.#names;
  }

  markOf(name: string): Mark {
    return this.#marks.get(name) ?? OTHER;
  }

  /** A CSS colour that follows the theme. */
  colourOf(name: string): string {
    return `var(--hue-${this.markOf(name).hue})`;
  }
}

export const services = new Services();
