import { resolve } from 'node:path';

/** Absolute path of the repository's root, whatever the working directory is. */
export const repositoryRoot = resolve(__dirname, '../../..');
