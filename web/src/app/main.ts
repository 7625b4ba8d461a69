import { mount } from 'svelte';
import '../styles/tokens.css';
import '../styles/base.css';
import { primeTrace } from '../api/tempo';
import { routeOf } from '../model/links';
import App from './App.svelte';

const route = routeOf(location.pathname);
if (route.page === 'trace') primeTrace(route.id);

const target = document.getElementById('app');
if (target) mount(App, { target });
