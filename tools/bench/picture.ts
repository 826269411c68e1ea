/** Latencies at one load. */
export interface Point {
  /** Calls a second. */
  readonly rate: number;
  readonly p50: number;
  readonly p99: number;
}

const WIDTH = 720;
const HEIGHT = 400;
const LEFT = 70;
const BOTTOM = 60;
const TOP = 40;
const RIGHT = 30;
const COLOURS = { p50: '#2563eb', p99: '#dc2626' } as const;

/** Latency against load as SVG, the latency on a scale of powers of ten. */
export function picture(points: readonly Point[]): string {
  const most = Math.max(...points.map(({ rate }) => rate));
  const all = points.flatMap(({ p50, p99 }) => [p50, p99]);
  const low = Math.floor(Math.log10(Math.min(...all)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...all))));
  const x = (rate: number) => LEFT + (rate / most) * (WIDTH - LEFT - RIGHT);
  const y = (ms: number) => HEIGHT - BOTTOM - ((Math.log10(ms) - low) / (high - low)) * (HEIGHT - BOTTOM - TOP);
  const text = (at: { x: number; y: number }, words: string, anchor = 'middle', fill = '#374151') =>
    `<text x="${at.x.toFixed(1)}" y="${at.y.toFixed(1)}" text-anchor="${anchor}" fill="${fill}">${words}</text>`;
  const decades = Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i));
  const grid = decades.map(
    (ms) =>
      `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(ms)}" y2="${y(ms)}" stroke="#e5e7eb"/>` +
      text({ x: LEFT - 8, y: y(ms) + 4 }, `${ms} ms`, 'end'),
  );
  const rates = points.map(({ rate }) => text({ x: x(rate), y: HEIGHT - BOTTOM + 20 }, String(rate)));
  const curves = (['p50', 'p99'] as const).map((name) => {
    const places = points.map((point) => `${x(point.rate).toFixed(1)},${y(point[name]).toFixed(1)}`);
    const last = points.at(-1);
    const label = last ? text({ x: x(last.rate) - 8, y: y(last[name]) - 10 }, name, 'end', COLOURS[name]) : '';
    return `<polyline points="${places.join(' ')}" fill="none" stroke="${COLOURS[name]}" stroke-width="2"/>${label}`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>`,
    text({ x: WIDTH / 2, y: 22 }, 'Authorize: latency from the scheduled send against load, open loop, one core'),
    ...grid,
    ...rates,
    text({ x: WIDTH / 2, y: HEIGHT - 12 }, 'calls a second'),
    ...curves,
    '</svg>',
    '',
  ].join('\n');
}
