/** The address bar is where the state of every page lives. */
import { routeOf, type Route } from '../model/links';

class Address {
  #path = $state.raw(location.pathname);
  #search = $state.raw(location.search);
  readonly route: Route = $derived(routeOf(this.#path));
  readonly params: URLSearchParams = $derived(new URLSearchParams(this.#search));

  constructor() {
    addEventListener('popstate', () => this.#read());
  }

  /** Goes to another place; Back returns. */
  push(url: string): void {
    if (url === this.#path + this.#search) return;
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
