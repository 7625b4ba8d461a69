// Runs before the first paint, so that the page never flashes in the wrong theme.
(() => {
  let chosen = 'system';
  try {
    chosen = JSON.parse(localStorage.getItem('temponest') || '{}').theme || 'system';
  } catch {
    // A blocked or damaged storage means the default.
  }
  const dark = chosen === 'dark' || (chosen !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches);
  document.documentElement.dataset.theme = dark ? 'dark' : 'light';
})();
