/** The colour of each service of a trace, as canvases need it. */
import { HUES } from '../../base/palette';
import type { Trace } from '../../model/trace';
import { services } from '../../state/services.svelte';

export type Colours = (dark: boolean) => (service: number) => string;

export function coloursOf(trace: Trace): Colours {
  return (dark) => {
    const list = trace.raw.services.map((name) => HUES[services.markOf(name).hue][dark ? 0 : 1]);
    return (service) => list[service];
  };
}
