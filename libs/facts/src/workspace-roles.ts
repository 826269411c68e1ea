import { type WorkspaceRoles } from '@latchkey/decision';

/** Up to here, looking through a list is no slower than a map; it is a third of the size. */
const FEW = 8;

/** The roles by workspace, in as little memory as they need. */
export function workspaceRolesOf(pairs: readonly (readonly [workspaceId: string, roleId: string])[]): WorkspaceRoles {
  if (pairs.length > FEW) return new Map(pairs);
  // Sliced, since what `flat` makes has room to grow.
  return new FewRoles(pairs.flat().slice());
}

class FewRoles implements WorkspaceRoles {
  /** Workspace and role by turns. */
  readonly #ids: readonly string[];

  constructor(ids: readonly string[]) {
    this.#ids = ids;
  }

  get(workspaceId: string): string | undefined {
    const ids = this.#ids;
    for (let at = 0; at < ids.length; at += 2) if (ids[at] === workspaceId) return ids[at + 1];
    return undefined;
  }

  *[Symbol.iterator](): Iterator<readonly [string, string]> {
    for (let at = 0; at < this.#ids.length; at += 2) yield [this.#ids[at]!, this.#ids[at + 1]!];
  }
}
