import { readFileSync } from 'node:fs';
import { type Endpoints, openApi } from '@latchkey/testing';
import { Narrator } from './narrator';
import { foundOrganization, makeAnnotator, showCatalogue } from './organization';
import { removeEditor } from './removal';
import { tryLegacyKey, tryServiceKeys } from './service-keys';
import { tryTokens } from './tokens';
import { readAuditTrail } from './trail';

/**
 * Plays the announcement against a running suite, step by step, and rejects at the first answer that is not the promised
 * one. Needs a certificate of a front end. Without `redisUrl` the queue is judged by the deletion's own record alone.
 */
export async function runTour(options: {
  endpointsFile: string;
  redisUrl?: string;
  log: (line: string) => void;
}): Promise<void> {
  const api = openApi(JSON.parse(readFileSync(options.endpointsFile, 'utf8')) as Endpoints);
  try {
    const tour = await foundOrganization(api, new Narrator(options.log));
    await showCatalogue(tour);
    await makeAnnotator(tour);
    await tryTokens(tour);
    const serviceKeys = await tryServiceKeys(tour);
    await tryLegacyKey(tour);
    await removeEditor(tour, serviceKeys, options.redisUrl);
    await readAuditTrail(tour);
    options.log('');
    options.log('The tour is complete: every answer was the promised one.');
  } finally {
    api.close();
  }
}
