import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BUILT_IN_ROLE_IDS } from '@latchkey/decision';
import { newSecret } from '@latchkey/facts';
import { fresh, idOf } from './ids';
import { randomOf } from './random';

export const BRAND = 'lk';

/** How large; one organization, each member in three workspaces and with one key. */
export interface Size {
  readonly members: number;
  readonly workspaces: number;
}

/** What the issue measures on, and the peers were. */
export const BASE: Size = { members: 1_000, workspaces: 100 };

export interface Permission {
  readonly name: string;
  readonly number: number;
  readonly scope: 'organization' | 'workspace';
}

export interface Role {
  readonly id: string;
  readonly scope: 'organization' | 'workspace';
  readonly held: ReadonlySet<number>;
}

export interface Question {
  readonly key: string;
  readonly permission: string;
  readonly workspaceId: string;
  readonly organizationId: string;
  readonly expected: boolean;
}

/** A question is about a secret that a request has just brought, so neither is far away when it is asked. */
export const justCome = (question: Question): Question => ({ ...question, key: fresh(question.key) });

/** The first so many of those that are shipped. */
const PERMISSIONS = 104;
const CUSTOM_ROLES = 100;
const WORKSPACES_EACH = 3;
const ALLOWED_SHARE = 0.8;

/** Everything that is decided about, computed from indexes alone: a million members take no memory here. */
export class Dataset {
  readonly organizationId = idOf('org', 1);
  readonly permissions: readonly Permission[];
  readonly roles: readonly Role[];
  readonly #workspaceRoles: readonly Role[];
  readonly #workspacePermissions: readonly Permission[];

  /** @param root the repository, whose catalogue is used */
  constructor(
    readonly size: Size,
    root: string,
  ) {
    const rows = catalogue(root).slice(0, PERMISSIONS);
    this.permissions = rows.map(({ name, scope }, number) => ({ name, number, scope }));
    this.#workspacePermissions = this.permissions.filter(({ scope }) => scope === 'workspace');
    const builtIn = (name: keyof typeof BUILT_IN_ROLE_IDS, scope: Role['scope']): Role => ({
      id: BUILT_IN_ROLE_IDS[name],
      scope,
      held: new Set(rows.flatMap(({ roles }, number) => (roles.has(name) ? [number] : []))),
    });
    const random = randomOf(1);
    const custom = Array.from({ length: CUSTOM_ROLES }, (_, i): Role => {
      const held = this.#workspacePermissions.filter(() => random() < 0.5).map(({ number }) => number);
      return { id: idOf('role', i), scope: 'workspace', held: new Set(held) };
    });
    const names = ['WORKSPACE_ADMIN', 'WORKSPACE_EDITOR', 'WORKSPACE_VIEWER'] as const;
    this.#workspaceRoles = [...names.map((name) => builtIn(name, 'workspace')), ...custom];
    this.roles = [builtIn('ORGANIZATION_USER', 'organization'), ...this.#workspaceRoles];
  }

  get organizationRole(): Role {
    return this.roles[0]!;
  }

  secret(member: number): string {
    return newSecret(BRAND, 'PERSONAL', createHash('sha256').update(`secret of ${member}`).digest());
  }

  workspaceId(index: number): string {
    return idOf('ws', index);
  }

  /** The indexes of a member's workspaces, with the role in each. */
  bindings(member: number): { workspace: number; role: Role }[] {
    const random = randomOf(member + 2);
    const first = Math.floor(random() * this.size.workspaces);
    return Array.from({ length: WORKSPACES_EACH }, (_, i) => ({
      workspace: (first + i * 7) % this.size.workspaces,
      role: this.#workspaceRoles[Math.floor(random() * this.#workspaceRoles.length)]!,
    }));
  }

  /** A question about this member's key; four of five are allowed. */
  question(member: number, random: () => number): Question {
    const bindings = this.bindings(member);
    const { workspace, role } = bindings[Math.floor(random() * bindings.length)]!;
    const ask = (at: number, { name }: Permission, expected: boolean): Question => ({
      key: this.secret(member),
      permission: name,
      workspaceId: this.workspaceId(at),
      organizationId: '',
      expected,
    });
    const wanted = random() < ALLOWED_SHARE;
    const fitting = this.#workspacePermissions.filter(({ number }) => this.#holds(role, number) === wanted);
    if (fitting.length > 0) return ask(workspace, fitting[Math.floor(random() * fitting.length)]!, wanted);
    // An admin lacks nothing at home, but has no power elsewhere.
    const elsewhere = (workspace + 1) % this.size.workspaces;
    const permission = this.#workspacePermissions.find(({ number }) => !this.organizationRole.held.has(number))!;
    return ask(elsewhere, permission, false);
  }

  #holds(role: Role, number: number): boolean {
    return role.held.has(number) || this.organizationRole.held.has(number);
  }
}

function catalogue(root: string): { name: string; scope: 'organization' | 'workspace'; roles: Set<string> }[] {
  const text = readFileSync(join(root, 'apps/role/catalogue.tsv'), 'utf8');
  const [header = '', ...rows] = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  const columns = header.split('\t');
  return rows.map((row) => {
    const cells = row.split('\t');
    const roles = new Set(columns.filter((_, i) => cells[i] === 'x'));
    return { name: cells[0] ?? '', scope: cells[1] === 'organization' ? 'organization' : 'workspace', roles };
  });
}
