import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

// One script and one stylesheet that the export of a trace carries inside its HTML file.
export default defineConfig({
  plugins: [svelte()],
  publicDir: false,
  build: {
    outDir: '../temponest/pages/viewer',
    emptyOutDir: true,
    target: 'es2022',
    reportCompressedSize: false,
    cssCodeSplit: false,
    rollupOptions: {
      input: 'src/viewer/main.ts',
      output: { format: 'iife', entryFileNames: 'viewer.js', assetFileNames: 'viewer[extname]' },
    },
  },
});
