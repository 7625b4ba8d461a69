import type { Route } from '../model/links';

interface Page {
  readonly path: string;
  readonly name: string;
  /** Second key after `g`. */
  readonly key: string;
  readonly covers: readonly Route['page'][];
}

/** The entries of the navigation, in order. */
export const PAGES: readonly Page[] = [
  { path: '/', name: 'Explore', key: 'e', covers: ['explore', 'trace', 'file', 'compare'] },
  { path: '/services', name: 'Services', key: 's', covers: ['services'] },
  { path: '/metrics', name: 'Metrics', key: 'm', covers: ['metrics'] },
  { path: '/live', name: 'Live', key: 'l', covers: ['live'] },
];
