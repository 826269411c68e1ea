import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import {
  applyCatalogue,
  BUILT_INS,
  type Catalogue,
  livePermissions,
  NO_CATALOGUE,
  scopeOfBuiltIn,
  type WantedPermission,
} from '../src/catalogue';
import { parseCatalogue } from '../src/catalogue-file';
import { builtInRoles } from '../src/role';

const bundled = parseCatalogue(readFileSync(join(__dirname, '../catalogue.tsv'), 'utf8'));

const NAMES = ['a:read', 'a:write', 'b:read', 'b:c:d', 'e-f:g', 'h:i'] as const;
// The scope of a name is fixed here: that changing one is refused has a test of its own.
const permission = (name: (typeof NAMES)[number]): fc.Arbitrary<WantedPermission> => {
  const scope = name === 'h:i' ? ('organization' as const) : ('workspace' as const);
  const holders = BUILT_INS.filter((builtIn) => scope === 'workspace' || scopeOfBuiltIn(builtIn) === 'organization');
  return fc.record({
    name: fc.constant(name),
    scope: fc.constant(scope),
    description: fc.constantFrom('', 'Does it.'),
    builtInRoles: fc.shuffledSubarray(holders),
  });
};
const list = fc
  .shuffledSubarray([...NAMES])
  .chain((names) => fc.tuple(...names.map(permission)))
  .map((permissions): WantedPermission[] => permissions);

describe('the catalogue', () => {
  it('never reuses or moves a number, whatever lists are applied one after the other', () => {
    fc.assert(
      fc.property(fc.array(list, { maxLength: 8 }), (lists) => {
        const numbers = new Map<string, number>();
        let catalogue: Catalogue = NO_CATALOGUE;
        for (const wanted of lists) {
          const before = catalogue;
          ({ catalogue } = applyCatalogue(before, wanted));
          expect(catalogue.permissions.map(({ number }) => number)).toEqual(catalogue.permissions.map((_, i) => i));
          for (const { name, number } of catalogue.permissions) {
            expect(numbers.get(name) ?? number).toBe(number);
            numbers.set(name, number);
          }
          expect(new Set(livePermissions(catalogue).map(({ name }) => name))).toEqual(
            new Set(wanted.map(({ name }) => name)),
          );
          expect(catalogue.permissions.filter(({ retired, builtInRoles: held }) => retired && held.length > 0)).toEqual(
            [],
          );
          expect(catalogue.version - before.version).toBe(catalogue === before ? 0 : 1);
        }
      }),
    );
  });

  it('makes no new version of a list that is there already, in whatever order', () => {
    fc.assert(
      fc.property(list, fc.func(fc.integer()), (wanted, order) => {
        const { catalogue } = applyCatalogue(NO_CATALOGUE, wanted);
        const shuffled = [...wanted].sort((a, b) => order(a.name) - order(b.name));
        expect(applyCatalogue(catalogue, shuffled)).toEqual({ catalogue, added: 0, retired: 0 });
      }),
    );
  });

  it('counts what comes and goes, and gives a name that comes back its old number', () => {
    const [a, b] = bundled.slice(0, 2);
    const first = applyCatalogue(NO_CATALOGUE, [a!, b!]);
    expect(first).toMatchObject({ added: 2, retired: 0, catalogue: { version: 1 } });
    const second = applyCatalogue(first.catalogue, [b!]);
    expect(second).toMatchObject({ added: 0, retired: 1, catalogue: { version: 2 } });
    const third = applyCatalogue(second.catalogue, [b!, a!]);
    expect(third).toMatchObject({ added: 1, retired: 0, catalogue: { version: 3 } });
    expect(third.catalogue.permissions).toEqual(first.catalogue.permissions);
  });

  it('refuses another scope for a known name, retired ones included', () => {
    const [known] = bundled;
    const { catalogue } = applyCatalogue(NO_CATALOGUE, [known!]);
    const moved = { ...known!, scope: 'organization' as const, builtInRoles: [] };
    const retired = applyCatalogue(catalogue, bundled.slice(1, 2)).catalogue;
    for (const current of [catalogue, retired]) {
      expect(() => applyCatalogue(current, [moved])).toThrow(expect.objectContaining({ reason: 'SCOPE_CHANGED' }));
    }
  });

  it('names every contradiction of a list by its field', () => {
    const contradictory = [
      { name: 'a:b', scope: 'workspace', description: '', builtInRoles: [] },
      { name: 'a:b', scope: 'organization', description: '', builtInRoles: ['ORGANIZATION_ADMIN', 'WORKSPACE_ADMIN'] },
    ] as const;
    expect(() => applyCatalogue(NO_CATALOGUE, contradictory)).toThrow(
      expect.objectContaining({
        code: 'INVALID_ARGUMENT',
        violations: [
          expect.objectContaining({ field: 'permissions[1].name' }),
          expect.objectContaining({ field: 'permissions[1].built_in_roles[1]' }),
        ],
      }),
    );
  });
});

describe('the bundled catalogue', () => {
  const { catalogue } = applyCatalogue(NO_CATALOGUE, bundled);
  const all = livePermissions(catalogue);
  const held = Object.fromEntries(
    builtInRoles(catalogue).map(({ builtIn = '', permissions }) => [
      builtIn,
      all.flatMap(({ name, number }) => (permissions.has(number) ? [name] : [])),
    ]),
  );
  const names = (fits: (permission: WantedPermission, action: string) => boolean): string[] =>
    all.flatMap((permission) => {
      const [, ...action] = permission.name.split(':');
      return fits(permission, action.join(':')) ? [permission.name] : [];
    });

  it('is the published vocabulary and what the project adds, each with a sentence', () => {
    expect(all).toHaveLength(105);
    expect(all.map(({ name }) => name)).toContain('organization:manage-members');
    expect(all.filter(({ description }) => !description.endsWith('.'))).toEqual([]);
  });

  it('makes the organization Admin hold everything, everywhere', () => {
    expect(held.ORGANIZATION_ADMIN).toEqual(all.map(({ name }) => name));
  });

  it('lets every organization role create personal tokens', () => {
    for (const role of ['ADMIN', 'OPERATOR', 'USER', 'VIEWER']) {
      expect(held[`ORGANIZATION_${role}`]).toContain('organization:pats:create');
    }
    expect(held.ORGANIZATION_OPERATOR).toEqual(names(({ scope }) => scope === 'organization'));
    expect(held.ORGANIZATION_VIEWER).toEqual(held.ORGANIZATION_USER);
    expect(held.ORGANIZATION_USER).toEqual([
      'organization:read',
      'organization:read-metadata',
      'organization:pats:create',
    ]);
  });

  it('gives the workspace roles everything, everything but managing the workspace, and every read', () => {
    expect(held.WORKSPACE_ADMIN).toEqual(names(({ scope }) => scope === 'workspace'));
    expect(held.WORKSPACE_EDITOR).toEqual(
      names(({ scope, name }) => scope === 'workspace' && !name.startsWith('workspaces:manage')),
    );
    expect(held.WORKSPACE_VIEWER).toEqual(
      names(({ scope }, action) => scope === 'workspace' && action.startsWith('read')),
    );
  });
});

describe('a catalogue file', () => {
  const HEADER = 'permission\tscope\tdescription\tWORKSPACE_ADMIN';

  it('may leave out columns of roles, order them freely, and have comments, empty lines and line ends of any kind', () => {
    const text = '# mine\r\n\r\nscope\tpermission\tWORKSPACE_VIEWER\tdescription\r\nworkspace\ta:b\tx\tDoes it.\r\n';
    expect(parseCatalogue(text)).toEqual([
      { name: 'a:b', scope: 'workspace', description: 'Does it.', builtInRoles: ['WORKSPACE_VIEWER'] },
    ]);
  });

  it.each([
    ['', 'the catalogue is empty'],
    [HEADER, 'the catalogue is empty'],
    ['permission\tscope\na:b\tworkspace', 'line 1: the column description is missing'],
    [`${HEADER}\tROOT\na:b`, 'line 1, column 5: there is no column "ROOT"'],
    [`${HEADER}\tscope\na:b`, 'line 1, column 5: the column scope is there twice'],
    [`# c\n${HEADER}\nA:b\tworkspace\t`, 'line 3, column 1 (permission): "A:b" is no permission name'],
    [`${HEADER}\na:b\tworkspace\t\n\na:b\tworkspace\t`, 'line 4, column 1 (permission): a:b was given in line 2'],
    [`${HEADER}\na:b\tproject\t`, 'line 2, column 2 (scope): must be organization or workspace'],
    [`${HEADER}\na:b\tworkspace\t${'d'.repeat(121)}`, 'line 2, column 3 (description): is longer than 120'],
    [`${HEADER}\na:b\tworkspace\t\tyes`, 'line 2, column 4 (WORKSPACE_ADMIN): must be x or -'],
    [`${HEADER}\na:b\tworkspace\t\tx\tx`, 'line 2, column 5: there are only 4 columns'],
  ])('%j is refused with the place of its mistake', (text, message) => {
    expect(() => parseCatalogue(text)).toThrow(message);
  });
});
