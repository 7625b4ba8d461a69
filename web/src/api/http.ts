/** HTTP with errors that say what failed, why in the server's words, and what to do. */

export class RequestError extends Error {
  readonly status: number;
  readonly url: string;
  /** The server's own words. */
  readonly detail: string;

  constructor(who: string, status: number, url: string, detail: string) {
    super(status === 0 ? `${who} cannot be reached.` : `${who} answered ${status}.`);
    this.name = 'RequestError';
    this.status = status;
    this.url = url;
    this.detail = detail;
  }
}

/** Where the APIs are, relative to these pages. */
export const TEMPO = '/tempo';
export const PROMETHEUS = '/prometheus';
export const LOKI = '/loki';

const TOKEN = 'temponest-token';

/** Keeps the token that the nest asks for, for as long as this tab is open. */
export function useToken(token: string): void {
  sessionStorage.setItem(TOKEN, token);
}

function withToken(headers: HeadersInit | undefined): HeadersInit {
  const token = typeof sessionStorage === 'undefined' ? null : sessionStorage.getItem(TOKEN);
  return token ? { ...headers, Authorization: `Bearer ${token}` } : { ...headers };
}

export async function request(who: string, url: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, { ...init, headers: withToken(init.headers), credentials: 'same-origin' });
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new RequestError(who, 0, url, 'Is it running? Start it with `temponest serve`, then try again.');
  }
  if (!response.ok) throw new RequestError(who, response.status, url, await words(response));
  return response;
}

/** The readable part of an error body: plain text, or the message inside of JSON. */
async function words(response: Response): Promise<string> {
  const text = (await response.text()).slice(0, 4000).trim();
  if (text.startsWith('{')) {
    try {
      const body = JSON.parse(text) as Record<string, unknown>;
      const message = body['error'] ?? body['message'] ?? body['detail'];
      if (typeof message === 'string') return message;
    } catch {
      return text;
    }
  }
  return text.startsWith('<') ? response.statusText : text;
}

/** A path with the parameters that are set. */
export function withParams(path: string, params: Record<string, string | number | undefined>): string {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(params)) if (value !== undefined && value !== '') query.set(key, String(value));
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

/** The same request for a shell: parameters stay readable. */
export function curlOf(url: string): string {
  const { origin, pathname, searchParams } = new URL(url);
  const quoted = (text: string): string => `'${text.replace(/'/g, `'\\''`)}'`;
  return [`curl -G ${quoted(origin + pathname)}`, ...[...searchParams].map(([k, v]) => `--data-urlencode ${quoted(`${k}=${v}`)}`)].join(' ');
}

export async function json<T>(who: string, url: string, signal?: AbortSignal): Promise<T> {
  const response = await request(who, url, { signal, headers: { Accept: 'application/json' } });
  return (await response.json()) as T;
}
