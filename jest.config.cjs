/** @type {import('jest').Config} */
module.exports = {
  testEnvironment: 'node',
  testMatch: ['<rootDir>/{libs,apps,tools}/**/test/**/*.test.ts'],
  // What the build and the quick start write is not ours to test, and holds copies of package.json that confuse haste.
  modulePathIgnorePatterns: ['/dist/', '<rootDir>/.latchkey/', '<rootDir>/.cache/'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: { parser: { syntax: 'typescript', decorators: true }, target: 'es2022', keepClassNames: true },
        module: { type: 'commonjs' },
        sourceMaps: 'inline',
      },
    ],
  },
  moduleFileExtensions: ['ts', 'js', 'cjs', 'mjs', 'json', 'node'],
  moduleNameMapper: {
    '^@latchkey/([^/]+)$': '<rootDir>/libs/$1/src/index.ts',
    '^@latchkey/client/guard$': '<rootDir>/libs/client/src/guard.ts',
    '^@latchkey/coherence/sans-io$': '<rootDir>/libs/coherence/src/sans-io.ts',
  },
  cacheDirectory: '<rootDir>/.cache/jest',
  // Tests start real services and real engines; what hangs must still end.
  testTimeout: 60_000,
  maxWorkers: 2,
  // A handle that stays open is a bug in stop(), so jest must not paper over it.
  forceExit: false,
  reporters: ['default', '<rootDir>/tools/jest-summary-reporter.cjs'],
  collectCoverageFrom: ['{libs,apps}/*/src/**/*.ts', '!libs/proto/src/gen/**', '!apps/*/src/main.ts'],
};
