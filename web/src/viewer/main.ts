import { mount } from 'svelte';
import '../styles/tokens.css';
import '../styles/base.css';
import Viewer from './Viewer.svelte';

const target = document.getElementById('app');
const data = document.getElementById('trace')?.textContent ?? '';
const bytes = Uint8Array.from(atob(data.trim()), (c) => c.charCodeAt(0));
if (target) mount(Viewer, { target, props: { bytes } });
