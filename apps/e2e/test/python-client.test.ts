import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot, startTestSuite, type TestSuite } from '@latchkey/testing';

let suite: TestSuite;
beforeAll(async () => {
  suite = await startTestSuite();
}, 120_000);
afterAll(() => suite?.stop(), 60_000);

/** Runs a script of the repository. Resolves with all that it printed; rejects with it when the script fails. */
function run(script: string, args: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { cwd: repositoryRoot, maxBuffer: 1 << 26 };
    execFile(process.execPath, [script, ...args], options, (error, stdout, stderr) => {
      const output = `${stdout}${stderr}`;
      if (error) reject(new Error(`${script} failed:\n${output}`, { cause: error }));
      else resolve(output);
    });
  });
}

test('the Python client installs, its types hold, and it creates, authorizes, reads typed errors and keeps deadlines', async () => {
  const endpoints = join(suite.dir, 'endpoints.json');
  writeFileSync(endpoints, JSON.stringify(suite.endpoints));
  const output = await run('tools/python/test-client.mjs', ['--endpoints', endpoints]);
  // The last line of pytest: skipped or deselected tests would be named in it.
  expect(output).toMatch(/^=+ [1-9]\d* passed in [\d.]+s .*=+$/m);
}, 180_000);
