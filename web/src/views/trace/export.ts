/** One trace as one HTML file that needs no server: the viewer, its styles, the answer itself and the log lines. */
import { writeLines, type LogLine } from '../../model/logs';
import type { Trace } from '../../model/trace';

/** Downloads the file. Throws when the viewer cannot be fetched. */
export async function exportHtml(trace: Trace, lines: readonly LogLine[] | null, id: string): Promise<void> {
  const [script, style] = await Promise.all(['/viewer/viewer.js', '/viewer/viewer.css'].map(part));
  const file = new Blob([page(script, style, trace.raw.bytes, new TextEncoder().encode(writeLines(lines)), id)], { type: 'text/html' });
  const link = document.createElement('a');
  link.href = URL.createObjectURL(file);
  link.download = `trace-${id}.html`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

async function part(path: string): Promise<string> {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path} answered ${response.status}`);
  return response.text();
}

function page(script: string, style: string, bytes: Uint8Array, lines: Uint8Array, id: string): string {
  const nonce = base64(crypto.getRandomValues(new Uint8Array(18)));
  // Base64 holds no markup, whatever the attributes of the trace say.
  const policy = `default-src 'none'; script-src 'nonce-${nonce}'; style-src 'nonce-${nonce}' 'unsafe-hashes'; img-src data:; base-uri 'none'; form-action 'none'`;
  const close = '</' + 'script>';
  return [
    '<!doctype html><html lang="en" data-theme="dark"><head><meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="${policy}">`,
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>Trace ${id}</title>`,
    `<style nonce="${nonce}">${style.replace(/<\/style/gi, '<\\/style')}</style></head><body><div id="app"></div>`,
    `<script type="application/octet-stream" id="trace" nonce="${nonce}">${base64(bytes)}${close}`,
    `<script type="application/octet-stream" id="lines" nonce="${nonce}">${base64(lines)}${close}`,
    `<script nonce="${nonce}">${script.replace(/<\/script/gi, '<\\/script')}${close}</body></html>`,
  ].join('\n');
}

function base64(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 0x8000) text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(text);
}
