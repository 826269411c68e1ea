// Writes .cache/test-summary.json, from which tools/test.mjs takes its closing line and its verdict.
const { mkdirSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');

module.exports = class SummaryReporter {
  constructor(globalConfig) {
    this.file = join(globalConfig.rootDir, '.cache', 'test-summary.json');
  }

  onRunComplete(_contexts, results) {
    // A test file that cannot be loaded has no tests to count, and is a failure all the same.
    const summary = {
      passed: results.numPassedTests,
      failed: results.numFailedTests + results.numRuntimeErrorTestSuites,
      skipped: results.numPendingTests + results.numTodoTests,
    };
    mkdirSync(join(this.file, '..'), { recursive: true });
    writeFileSync(this.file, `${JSON.stringify(summary)}\n`);
  }
};
