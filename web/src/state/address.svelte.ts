/** The address bar is where the state of every page lives. */
import { routeOf, type Route } from '../model/links';

/** Browsers refuse more than about 100 writes in 30 seconds. */
const BURST = 50;
const EVERY_MS = 330;

class Address {
  #path = $state.raw(location.pathname);
  #search = $state.raw(location.search);
  readonly route: Route = $derived(routeOf(this.#path));
  readonly params: URLSearchParams = $derived(new URLSearchParams(this.#search));

  constructor() {
    addEventListener('popstate', () => {
      this.#waiting = null;
      this.#read();
    });
    addEventListener('pagehide', () => this.flush());
    document.addEventListener('visibilitychange', () => document.visibilityState === 'hidden' && this.flush());
  }

  /** Goes to another place; Back returns. */
  push(url: string): void {
    if (url === this.#path + this.#search) return;
    this.flush();
    history.pushState(null, '', url);
    this.#read();
  }

  /** Corrects the present place; Back does not stop at what was before. */
  replace(url: string): void {
    history.replaceState(null, '', url);
    this.#read();
  }

  /** Writes the parameters of the present page. */
  set(params: URLSearchParams, how: 'push' | 'replace' = 'push'): void {
    const text = params.toString();
    const url = this.#path + (text ? `?${text}` : '');
    if (how === 'push') this.push(url);
    else this.replace(url);
  }

  #left = BURST;
  #counted = performance.now();
  #waiting: { readonly path: string; readonly text: string } | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * Writes the parameters of the present page in place of those there, as often as they change: at once while
   * browsers allow it, and otherwise the newest as soon as they do, or when the page is left.
   */
  keep(text: string): void {
    clearTimeout(this.#timer);
    const now = performance.now();
    this.#left = Math.min(BURST, this.#left + (now - this.#counted) / EVERY_MS);
    this.#counted = now;
    this.#waiting = { path: this.#path, text };
    if (this.#left >= 1) this.flush();
    else this.#timer = setTimeout(() => this.flush(), EVERY_MS);
  }

  /** Writes what waits to be written. */
  flush(): void {
    clearTimeout(this.#timer);
    const waiting = this.#waiting;
    this.#waiting = null;
    // What was to be kept of a page belongs to no other.
    if (!waiting || waiting.path !== this.#path) return;
    this.#left--;
    this.set(new URLSearchParams(waiting.text), 'replace');
  }

  #read(): void {
    this.#path = location.pathname;
    this.#search = location.search;
  }
}

export const address = new Address();

/** Lets plain links inside the pages change the place without loading it anew. */
export function followLink(event: MouseEvent): void {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const link = (event.target as Element | null)?.closest('a');
  if (!link || link.target || link.hasAttribute('download') || link.origin !== location.origin) return;
  if (routeOf(link.pathname).page === 'lost') return;
  event.preventDefault();
  address.push(link.pathname + link.search);
  if (link.dataset['keepScroll'] === undefined) scrollTo(0, 0);
}
