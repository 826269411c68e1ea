import { auditV1 } from '@latchkey/proto';
import { TourFailed } from './narrator';
import type { Tour } from './setting';

export async function readAuditTrail({ api, tell, organizationId, people }: Tour): Promise<void> {
  tell.step(8, 'The audit trail of all this, read by the admin with her token');
  const as = { key: people.admin.token };
  const trails = await Promise.all(
    [api.audit.identity, api.audit.role, api.audit.key].map((service) =>
      service.listAuditEntries({ organizationId, pageSize: 200 }, { as }),
    ),
  );
  const entries = trails
    .flatMap((trail) => trail.entries)
    .sort((a, b) => (a.time?.getTime() ?? 0) - (b.time?.getTime() ?? 0));
  for (const entry of entries) {
    const actor = entry.actor?.keyId || entry.actor?.principalId || entry.actor?.userId || `(${entry.caller})`;
    const rpc = entry.action.split('/')[1] ?? entry.action;
    const outcome = entry.outcome === auditV1.AuditOutcome.SUCCEEDED ? 'done' : `refused: ${entry.reason}`;
    tell.say(`${entry.time?.toISOString()}  ${rpc}  ${entry.objectKind} ${entry.objectId}  by ${actor}  ${outcome}`);
  }
  const find = (rpc: string, wanted: (entry: auditV1.AuditEntry) => boolean): auditV1.AuditEntry => {
    const found = entries.find((entry) => entry.action.endsWith(`/${rpc}`) && wanted(entry));
    if (!found) throw new TourFailed(`the audit trail has no fitting entry of ${rpc}`);
    return found;
  };
  const succeeded = (entry: auditV1.AuditEntry): boolean => entry.outcome === auditV1.AuditOutcome.SUCCEEDED;
  const refused = (entry: auditV1.AuditEntry): boolean => entry.outcome === auditV1.AuditOutcome.REFUSED;

  const removal = find('RemoveMember', succeeded);
  tell.expect(removal.actor?.principalId === people.admin.memberId, "the removal names Ada's membership as its actor");
  const breeding = find('CreatePersonalToken', (entry) => refused(entry) && entry.reason === 'BEARER_REFUSED');
  tell.expect(breeding.actor?.keyId === people.admin.tokenId, 'the token that tried to breed is named by its id');
  const missing = find('CreateServiceKey', (entry) => refused(entry) && entry.reason === 'PERMISSION_MISSING');
  tell.expect(
    missing.actor?.principalId === people.editor.memberId || missing.actor?.userId === people.editor.userId,
    'the refused service key names the editor',
  );
  const revoked = find('RevokeMemberTokens', (entry) => entry.objectId === people.editor.tokenId);
  tell.expect(revoked.caller === 'worker', 'the deleted token is on record, taken away by the worker');
}
