import { workspaceRolesOf } from './workspace-roles';
import { type Values } from './values';

/** How many ids. Beyond it they are told anew: a little more memory, and nothing else. */
const MOST = 100_000;

/**
 * Gives equal ids one string. Each fact comes with strings of its own, and a million members name the same few
 * organizations, workspaces and roles; a person is named by a key and by its membership, which are read one after the other.
 */
export class SharedIds {
  readonly #ids = new Map<string, string>();

  /** The same value, with shared strings for what many name, and `id` for its own. */
  sharing<K extends keyof Values>(kind: K, id: string, value: Values[K]): Values[K] {
    return this.#sharing(kind, id, value) as Values[K];
  }

  #sharing(kind: keyof Values, id: string, value: Values[keyof Values]): Values[keyof Values] {
    switch (kind) {
      case 'key': {
        const key = value as Values['key'];
        return { ...key, organizationId: this.of(key.organizationId), userId: this.of(key.userId) };
      }
      case 'member': {
        const member = value as Values['member'];
        const { organizationId, userId } = member;
        return { ...member, id, organizationId: this.of(organizationId), userId: this.of(userId) };
      }
      case 'workspace': {
        const workspace = value as Values['workspace'];
        return { ...workspace, id, organizationId: this.of(workspace.organizationId) };
      }
      case 'binding': {
        const { organizationRoleId, workspaceRoles } = value as Values['binding'];
        return {
          organizationRoleId: organizationRoleId && this.of(organizationRoleId),
          workspaceRoles: workspaceRolesOf([...workspaceRoles].map(([at, role]) => [this.of(at), this.of(role)])),
        };
      }
      default:
        return value;
    }
  }

  /** The one string for an id. */
  of(id: string): string {
    const known = this.#ids.get(id);
    if (known !== undefined) return known;
    if (this.#ids.size >= MOST) this.#ids.clear();
    this.#ids.set(id, id);
    return id;
  }
}
