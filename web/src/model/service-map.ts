/** Who calls whom: edges between services, and where each is drawn. */
import { Graph, layout } from '@dagrejs/dagre';
import { showValue } from './show';
import { quote } from './traceql';
import { CLIENT, detailOf, hasError, serviceOf, type Trace } from './trace';

export interface Edge {
  readonly client: string;
  readonly server: string;
  /** Calls: a rate per second, or a count when `counted`. */
  readonly calls: number;
  /** Share that failed: 0..1. */
  readonly errors: number;
  /** Nanoseconds; NaN when unknown. */
  readonly p95: number;
}

export interface CallGraph {
  readonly edges: readonly Edge[];
  /** True when `calls` are counts over some traces rather than rates. */
  readonly counted: boolean;
}

interface Tally {
  calls: number;
  errors: number;
  durations: number[];
}

/** Edges counted in traces: a span beneath one of another service, and calls to a database or a peer nobody traces. */
export function edgesOf(traces: readonly Trace[]): Edge[] {
  const tallies = new Map<string, Tally>();
  const add = (client: string, server: string, failed: boolean, duration: number): void => {
    const key = `${client}\u0000${server}`;
    const tally = tallies.get(key) ?? { calls: 0, errors: 0, durations: [] };
    tallies.set(key, tally);
    tally.calls++;
    tally.errors += failed ? 1 : 0;
    tally.durations.push(duration);
  };
  for (const trace of traces) {
    for (let i = 0; i < trace.count; i++) {
      const p = trace.parent[i];
      if (p >= 0 && trace.service[p] !== trace.service[i]) {
        add(serviceOf(trace, p), serviceOf(trace, i), hasError(trace, i), trace.duration[i]);
      } else if (trace.kind[i] === CLIENT && trace.end[i] === i + 1) {
        const peer = peerOf(trace, i);
        if (peer) add(serviceOf(trace, i), peer, hasError(trace, i), trace.duration[i]);
      }
    }
  }
  return [...tallies].map(([key, t]) => {
    const [client, server] = key.split('\u0000');
    t.durations.sort((a, b) => a - b);
    const p95 = t.durations[Math.min(t.durations.length - 1, Math.floor(t.durations.length * 0.95))];
    return { client, server, calls: t.calls, errors: t.errors / t.calls, p95 };
  });
}

const PEER_KEYS = ['peer.service', 'db.system.name', 'db.system', 'messaging.system', 'server.address'];

function peerOf(trace: Trace, span: number): string {
  const { attributes } = detailOf(trace, span);
  for (const key of PEER_KEYS) {
    const found = attributes.find((a) => a.key === key);
    if (found) return showValue(found.value);
  }
  return '';
}

/** The TraceQL query of an edge: calls that the other service answered, or calls to a peer that sends no spans itself. */
export function edgeQuery(edge: Edge, services: readonly string[]): string {
  const client = `resource.service.name = ${quote(edge.client)}`;
  const server = quote(edge.server);
  if (services.includes(edge.server)) return `{ ${client} } > { resource.service.name = ${server} }`;
  return `{ ${client} && kind = client && (${PEER_KEYS.map((key) => `span.${key} = ${server}`).join(' || ')}) }`;
}

export interface PlacedNode {
  readonly name: string;
  readonly x: number;
  readonly y: number;
  /** What arrives from the others: as `Edge` has them. Zero calls: nobody calls it. */
  readonly calls: number;
  readonly errors: number;
}

export interface PlacedEdge extends Edge {
  /** An SVG path. */
  readonly path: string;
  readonly labelX: number;
  readonly labelY: number;
}

export interface Layout {
  readonly width: number;
  readonly height: number;
  readonly nodes: readonly PlacedNode[];
  readonly edges: readonly PlacedEdge[];
}

export const NODE_WIDTH = 188;
export const NODE_HEIGHT = 52;
export const LABEL_WIDTH = 84;
export const LABEL_HEIGHT = 36;

interface Point {
  readonly x: number;
  readonly y: number;
}

/** Layers from left to right; the same graph is always laid out alike. */
export function placeMap(edges: readonly Edge[]): Layout {
  const graph = new Graph({ multigraph: false });
  graph.setGraph({ rankdir: 'LR', nodesep: 28, edgesep: 14, ranksep: 54, marginx: 8, marginy: 8 });
  const sorted = edges.filter((e) => e.client !== e.server).sort((a, b) => (a.client + a.server < b.client + b.server ? -1 : 1));
  const names = [...new Set(edges.flatMap((e) => [e.client, e.server]))].sort();
  for (const name of names) graph.setNode(name, { width: NODE_WIDTH, height: NODE_HEIGHT });
  for (const e of sorted) graph.setEdge(e.client, e.server, { width: LABEL_WIDTH, height: LABEL_HEIGHT, labelpos: 'c' });
  layout(graph);
  const size = graph.graph() as { width?: number; height?: number };
  const nodes = names.map((name) => {
    const { x, y } = graph.node(name) as Point;
    const inside = sorted.filter((e) => e.server === name);
    const calls = inside.reduce((sum, e) => sum + e.calls, 0);
    return { name, x, y, calls, errors: calls > 0 ? inside.reduce((sum, e) => sum + e.calls * e.errors, 0) / calls : 0 };
  });
  const lines = sorted.map((edge) => {
    const { points, x, y } = graph.edge(edge.client, edge.server) as { points: Point[] } & Point;
    return { edge, points, x, y };
  });
  const ports = portsOf(nodes, lines);
  return {
    width: Math.max(NODE_WIDTH, size.width ?? 0),
    height: Math.max(NODE_HEIGHT, size.height ?? 0),
    nodes,
    edges: lines.map(({ edge, x, y }, i) => ({ ...edge, path: curve([ports[i][0], { x, y }, ports[i][1]]), labelX: x, labelY: y })),
  };
}

/** Where each line leaves and arrives: spread over the side of the node, in the order of where it goes. */
function portsOf(nodes: readonly PlacedNode[], lines: readonly { readonly edge: Edge; readonly x: number; readonly y: number }[]): [Point, Point][] {
  const out: [Point, Point][] = lines.map(() => [{ x: 0, y: 0 }, { x: 0, y: 0 }]);
  for (const node of nodes) {
    for (const side of [1, -1]) {
      const ends = lines.flatMap(({ edge, x, y }, i) =>
        (x - node.x) * side < 0 ? [] : [...(edge.client === node.name ? [{ i, end: 0, y }] : []), ...(edge.server === node.name ? [{ i, end: 1, y }] : [])],
      );
      ends.sort((a, b) => a.y - b.y);
      ends.forEach(({ i, end }, k) => {
        out[i][end] = { x: node.x + (side * NODE_WIDTH) / 2, y: node.y + ((k + 1) / (ends.length + 1) - 0.5) * NODE_HEIGHT };
      });
    }
  }
  return out;
}

function curve(points: readonly Point[]): string {
  const at = (p: Point): string => `${p.x.toFixed(1)} ${p.y.toFixed(1)}`;
  let path = `M${at(points[0])}`;
  for (let i = 1; i < points.length; i++) {
    const [a, b] = [points[i - 1], points[i]];
    const bend = (b.x - a.x) / 2;
    path += ` C${(a.x + bend).toFixed(1)} ${a.y.toFixed(1)} ${(b.x - bend).toFixed(1)} ${b.y.toFixed(1)} ${at(b)}`;
  }
  return path;
}
