import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  plugins: [svelte()],
  build: {
    outDir: '../temponest/pages',
    emptyOutDir: true,
    target: 'es2022',
    modulePreload: { polyfill: false },
    // A data: URL would need a wider content security policy than 'self'.
    assetsInlineLimit: 0,
    reportCompressedSize: false,
  },
  server: { proxy: { '/tempo': 'http://127.0.0.1:16686', '/prometheus': 'http://127.0.0.1:16686', '/loki': 'http://127.0.0.1:16686', '/here': 'http://127.0.0.1:16686' } },
  test: { include: ['src/**/*.test.ts'], environment: 'node', testTimeout: 60_000 },
});
