/** The view of a trace, in the address of its page. */
import { readTraceState, writeTraceState } from '../../model/links';
import { address } from '../../state/address.svelte';
import type { TraceModel } from './model.svelte';

/** Writes the view to the address whenever it changes, and reads it from there on Back. To be called once by a page. */
export function keepView(of: () => TraceModel | null): void {
  let written = address.params.toString();
  $effect(() => {
    const model = of();
    const text = model ? writeTraceState(model.view).toString() : written;
    if (text === written) return;
    written = text;
    address.keep(text);
  });
  $effect(() => {
    const text = address.params.toString();
    const model = of();
    if (text === written || !model) return;
    written = text;
    model.view = readTraceState(address.params);
  });
}
