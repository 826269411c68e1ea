import { identityV1 } from '@latchkey/proto';
import { organizationNotFound, type PrincipalContext } from '@latchkey/service';
import { type Deps } from '../deps';
import { staleEtag } from '../errors';
import { changedFields, toOrganization } from '../organization';

export const updateOrganization =
  ({ mutations, organizations }: Pick<Deps, 'mutations' | 'organizations'>) =>
  async (
    request: identityV1.UpdateOrganizationRequest,
    ctx: PrincipalContext,
  ): Promise<identityV1.UpdateOrganizationResponse> => {
    const { organizationId, delegateServiceKeys, personalTokensDisabled, etag } = request;
    const { answer } = await mutations.run(ctx, identityV1.UpdateOrganizationResponse, async (tx) => {
      tx.changed('organization', organizationId);
      const row = await organizations.find(organizationId, tx.session);
      if (row?.state !== 'ACTIVE') throw organizationNotFound(organizationId);
      if (etag !== '' && etag !== String(row.version)) throw staleEtag();

      const next = {
        displayName: request.displayName || row.displayName,
        settings: {
          delegateServiceKeys: delegateServiceKeys ?? row.settings.delegateServiceKeys,
          personalTokensDisabled: personalTokensDisabled ?? row.settings.personalTokensDisabled,
        },
      };
      const changed = changedFields(row, next);
      if (changed.length === 0) return tx.unchanged({ organization: toOrganization(row) });
      await organizations.update({ ...row, ...next, version: row.version + 1 }, tx.session);
      return tx.audited(
        { organization: toOrganization({ ...row, ...next, version: row.version + 1 }) },
        { organizationId, object: { kind: 'organization', id: organizationId }, changed },
      );
    });
    return answer;
  };
