import { type Row } from '../row';

/** Measured once, in November 2026, each with its server on one core, 1,000 users in 100 workspaces: see docs/benchmarks.md. */
export const PEERS: readonly {
  readonly name: string;
  readonly micros: string;
  readonly stale: string;
  readonly does: string;
}[] = [
  { name: 'empty echo, grpc-js', micros: '46–64', stale: '', does: 'nothing' },
  { name: 'empty echo, grpc-go', micros: '17–22', stale: '', does: 'nothing' },
  {
    name: 'OPA 1.22.2, REST',
    micros: '71',
    stale: 'when you push',
    does: 'any policy; keeps no identities, verifies no keys',
  },
  {
    name: 'OpenFGA 1.22.1, memory, check cache',
    micros: '78–192',
    stale: 'median 6.7 s, at most 9.4 s',
    does: 'any graph of relations; verifies no keys',
  },
  {
    name: 'OpenFGA, memory, no cache',
    micros: '425–444',
    stale: 'never',
    does: 'any graph of relations; verifies no keys',
  },
  {
    name: 'OpenFGA on PostgreSQL, no cache',
    micros: '583 + 163 in the database',
    stale: 'never',
    does: 'any graph of relations; verifies no keys',
  },
  {
    name: 'SpiceDB 1.56.2, memory, fully consistent, no writes',
    micros: '114–119',
    stale: 'never',
    does: 'any graph of relations; verifies no keys',
  },
  { name: '… while one membership a second is written', micros: '492', stale: 'never', does: '' },
  {
    name: 'SpiceDB, memory, minimize_latency',
    micros: '222–285',
    stale: 'median 1.8 s, at most 4.6 s',
    does: 'any graph of relations; verifies no keys',
  },
  {
    name: 'SpiceDB on PostgreSQL, minimize_latency',
    micros: '565 + 340 in the database',
    stale: 'median 4.2 s, at most 5.1 s',
    does: 'any graph of relations; verifies no keys',
  },
  {
    name: 'Cerbos 0.55.0',
    micros: '179–197',
    stale: 'holds no bindings',
    does: 'policies over roles that the request brings',
  },
  {
    name: 'Unkey',
    micros: '99–156 + database',
    stale: 'median 5.0 s, at most 9.5 s',
    does: 'verifies keys; no roles here',
  },
  { name: 'Permify, memory', micros: '636–660', stale: 'not tried', does: 'any graph of relations; verifies no keys' },
];

/** Read, not measured again: the peers need their own installations. */
export const peers: Row = {
  name: 'peers',
  about: 'what other systems measured on such a machine, from a table',
  run: () =>
    Promise.resolve({
      lines: PEERS.map(({ name, micros, stale }) => ({
        figure: name,
        measured: `${micros} µs a check${stale === '' ? '' : `, stale yes after a revocation: ${stale}`}`,
      })),
      figures: {},
    }),
};
