/** What one reader prefers, kept in this browser. Links never carry or change it. */
import { isZone, type Zone } from '../base/zone';

export type Theme = 'system' | 'dark' | 'light';

interface Stored {
  theme?: Theme;
  zone?: Zone;
  /** The zone that UTC alternates with; local time unless another one was chosen. */
  home?: Zone;
  age?: boolean;
  keys?: boolean;
  nameWidth?: number;
}

const KEY = 'temponest';

function load(): Stored {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? '{}') as Stored;
  } catch {
    return {};
  }
}

const system = matchMedia('(prefers-color-scheme: dark)');

class Settings {
  #stored = $state.raw<Stored>(load());
  #systemDark = $state.raw(system.matches);
  readonly theme: Theme = $derived(this.#stored.theme ?? 'system');
  readonly dark: boolean = $derived(this.theme === 'dark' || (this.theme === 'system' && this.#systemDark));
  readonly zone: Zone = $derived(isZone(this.#stored.zone) ? this.#stored.zone : 'local');
  /** Results show how long ago they started, rather than the time of the day. */
  readonly age: boolean = $derived(this.#stored.age ?? true);
  /** Single-key shortcuts can be switched off (WCAG 2.1.4). */
  readonly keys: boolean = $derived(this.#stored.keys ?? true);
  readonly nameWidth: number = $derived(this.#stored.nameWidth ?? 340);

  constructor() {
    system.addEventListener('change', () => {
      this.#systemDark = system.matches;
      this.#paint();
    });
  }

  set(change: Stored): void {
    this.#stored = { ...this.#stored, ...change };
    try {
      localStorage.setItem(KEY, JSON.stringify(this.#stored));
    } catch {
      // Without storage the choice lasts as long as the page.
    }
    this.#paint();
  }

  /** Show times in a zone; it is the one that UTC alternates with from now on, unless it is UTC. */
  setZone(zone: Zone): void {
    this.set(zone === 'utc' ? { zone } : { zone, home: zone });
  }

  toggleZone(): void {
    const home = this.#stored.home ?? 'local';
    this.set({ zone: this.zone !== 'utc' ? 'utc' : isZone(home) ? home : 'local' });
  }

  #paint(): void {
    document.documentElement.dataset['theme'] = this.dark ? 'dark' : 'light';
  }
}

export const settings = new Settings();
