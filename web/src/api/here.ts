/** What the server of these pages knows about this machine; every field may be missing. */
export interface Here {
  /** Where services send to, such as `http://127.0.0.1:4317`. */
  readonly otlp_grpc?: string;
  readonly otlp_http?: string;
  /** The pages show another machine's data. */
  readonly remote?: boolean;
  /** Time in unix seconds. */
  readonly last_refused?: { readonly time?: number; readonly reason: string } | null;
}

export async function here(): Promise<Here> {
  try {
    const response = await fetch('/here.json', { headers: { Accept: 'application/json' } });
    return response.ok ? ((await response.json()) as Here) : {};
  } catch {
    return {};
  }
}
