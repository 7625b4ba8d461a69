import { mount } from 'svelte';
import '../styles/tokens.css';
import '../styles/base.css';
import { readLines } from '../model/logs';
import Viewer from './Viewer.svelte';

const target = document.getElementById('app');
const held = (id: string): Uint8Array => Uint8Array.from(atob((document.getElementById(id)?.textContent ?? '').trim()), (c) => c.charCodeAt(0));
if (target) mount(Viewer, { target, props: { bytes: held('trace'), lines: readLines(new TextDecoder().decode(held('lines'))) } });
