import { type roleV1 } from '@latchkey/proto';
import { livePermissions } from '../catalogue';
import { type Deps } from '../deps';
import { toProtoScope } from '../role';

export const getCatalogueFact =
  ({ catalogues }: Pick<Deps, 'catalogues'>) =>
  async (): Promise<roleV1.GetCatalogueFactResponse> => {
    const catalogue = await catalogues.readForFacts();
    const entries = livePermissions(catalogue).map(({ name, number, scope }) => ({
      name,
      number,
      scope: toProtoScope(scope),
    }));
    return { version: catalogue.version, entries };
  };
