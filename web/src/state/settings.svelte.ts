/** What one reader prefers, kept in this browser. Links never carry or change it. */
import type { Zone } from '../base/time';

export type Theme = 'system' | 'dark' | 'light';

interface Stored {
  theme?: Theme;
  zone?: Zone;
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
  readonly zone: Zone = $derived(this.#stored.zone ?? 'local');
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

  #paint(): void {
    document.documentElement.dataset['theme'] = this.dark ? 'dark' : 'light';
  }
}

export const settings = new Settings();
