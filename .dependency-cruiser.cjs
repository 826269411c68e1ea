// The module boundaries of docs and design, checked: `npm run boundaries`.
const { readdirSync } = require('node:fs');

// A name that says nothing collects everything. Checked on the folder, since a module nobody imports yet meets no rule.
const vague = readdirSync('libs').filter((name) => /^(utils?|commons?|core|shared)$/.test(name));
if (vague.length > 0)
  throw new Error(`libs/${vague[0]}: name a library after what it does, not utils, common, core or shared`);

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'apps-never-import-each-other',
      comment:
        'An app is one process; what two need is a library, what they tell each other is an RPC. Also holds for e2e.',
      severity: 'error',
      from: { path: '^apps/([^/]+)/' },
      to: { path: '^apps/', pathNot: '^apps/$1/' },
    },
    {
      name: 'libs-never-import-apps',
      severity: 'error',
      from: { path: '^libs/' },
      to: { path: '^apps/' },
    },
    {
      name: 'libs-only-through-their-index',
      comment: 'A library is imported by its name, so that its index.ts says all that others may rely on.',
      severity: 'error',
      from: { path: '^(?:libs|apps|tools)/([^/]+)' },
      to: {
        path: '^libs/',
        pathNot: ['^libs/$1/', '^libs/[^/]+/src/index[.]ts$', '^libs/(coherence/src/sans-io|client/src/guard)[.]ts$'],
      },
    },
    {
      name: 'decision-is-pure',
      comment: 'The decision is one synchronous function of its arguments: no I/O, no clock, no types of a transport.',
      severity: 'error',
      from: { path: '^libs/decision/src/' },
      to: { pathNot: ['^libs/decision/src/', '^(node:)?crypto$'] },
    },
    {
      name: 'events-only-encodes',
      comment: 'Producer and consumer of the queue share names and encoding here, not connections.',
      severity: 'error',
      from: { path: '^libs/events/src/' },
      to: {
        pathNot: ['^libs/(events/src/|proto/src/index[.]ts$)', '(^|/)node_modules/@bufbuild/(protobuf|protovalidate)/'],
      },
    },
    {
      name: 'no-product-code-uses-the-simulator',
      severity: 'error',
      from: { path: '^(apps|libs)/[^/]+/src/' },
      to: { path: '^libs/[^/]+/sim/' },
    },
    {
      name: 'database-only-in-stores',
      comment: 'Two layers, rpc and store: only the store (and the app that opens the connection) knows the database.',
      severity: 'error',
      from: {
        path: '^(apps|libs)/',
        pathNot: ['^apps/[^/]+/src/([^/]+-store|app)[.]ts$', '^apps/[^/]+/test/', '^libs/(coherence|testing)/'],
      },
      to: { path: '(^|/)node_modules/(mongoose|mongodb)/' },
    },
    {
      name: 'generated-code-through-the-proto-library',
      severity: 'error',
      from: { pathNot: '^libs/proto/' },
      to: { path: '^libs/proto/src/gen/' },
    },
    {
      name: 'nothing-imports-the-embedded-engine',
      comment: 'The engine is a program that is started, never code that is linked.',
      severity: 'error',
      from: { pathNot: '^tools/engine/' },
      to: { path: '^tools/engine/' },
    },
    {
      name: 'no-cycles',
      severity: 'error',
      // Protobuf files that refer to each other are the generator's business.
      from: { pathNot: '^libs/proto/src/gen/' },
      to: { circular: true },
    },
    {
      name: 'only-declared-dependencies',
      comment: 'What is imported stands in package.json, or resolves to nothing on the next machine.',
      severity: 'error',
      from: {},
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown', 'npm-optional', 'unknown', 'undetermined'] },
    },
    {
      name: 'everything-resolves',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'services-run-without-development-dependencies',
      comment: 'The image of a service is installed without them.',
      severity: 'error',
      from: { path: '^(apps|libs)/[^/]+/src/', pathNot: '^(apps/e2e|libs/testing)/' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'services-run-without-the-test-library',
      severity: 'error',
      from: { path: '^(apps|libs)/[^/]+/src/', pathNot: '^(apps/e2e|libs/testing)/' },
      to: { path: '^libs/testing/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)(dist|coverage|[.]venv|[.]cache|[.]latchkey)/' },
    // Type imports are dependencies of the source, even if the compiled code has lost them.
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
      mainFields: ['main', 'types'],
    },
    skipAnalysisNotInRules: true,
  },
};
