import { type Scope } from '@latchkey/decision';
import { BUILT_INS, type WantedPermission } from './catalogue';

/** A catalogue file that cannot be read; the message names line and column. */
export class CatalogueFileError extends Error {
  override readonly name = 'CatalogueFileError';
}

const COLUMNS = ['permission', 'scope', 'description', ...BUILT_INS];
const NAME = /^[a-z][a-z0-9-]*(:[a-z][a-z0-9-]*){1,2}$/;
const MAX_NAME_LENGTH = 64;
const MAX_DESCRIPTION_LENGTH = 120;
const SCOPES: Readonly<Record<string, Scope>> = { organization: 'organization', workspace: 'workspace' };

/**
 * Reads a catalogue: tab-separated, lines that begin with # and empty ones left out, the first line names the columns (in
 * any order, those of built-in roles may be left out), an x says that the role holds the permission.
 * @throws CatalogueFileError for the first mistake
 */
export function parseCatalogue(text: string): WantedPermission[] {
  const lines = text
    .split(/\r?\n/)
    .map((line, i) => ({ number: i + 1, cells: line.split('\t'), skip: line.trim() === '' || line.startsWith('#') }))
    .filter(({ skip }) => !skip);
  const [header, ...rows] = lines;
  if (header === undefined || rows.length === 0) throw new CatalogueFileError('the catalogue is empty');
  const columns = header.cells.map((cell) => cell.trim());
  checkHeader(header.number, columns);

  const lineOf = new Map<string, number>();
  return rows.map(({ number, cells }) => {
    const complain = (column: string, problem: string) =>
      new CatalogueFileError(`line ${number}, column ${columns.indexOf(column) + 1} (${column}): ${problem}`);
    if (cells.length > columns.length) {
      throw new CatalogueFileError(
        `line ${number}, column ${columns.length + 1}: there are only ${columns.length} columns`,
      );
    }
    const cell = (column: string): string => cells[columns.indexOf(column)]?.trim() ?? '';

    const name = cell('permission');
    if (!NAME.test(name) || name.length > MAX_NAME_LENGTH) {
      throw complain('permission', `${JSON.stringify(name)} is no permission name, as in "projects:read"`);
    }
    if (lineOf.has(name)) throw complain('permission', `${name} was given in line ${lineOf.get(name)} already`);
    lineOf.set(name, number);
    const scope = SCOPES[cell('scope')];
    if (scope === undefined) throw complain('scope', 'must be organization or workspace');
    const description = cell('description');
    if (description.length > MAX_DESCRIPTION_LENGTH)
      throw complain('description', `is longer than ${MAX_DESCRIPTION_LENGTH}`);
    const builtInRoles = BUILT_INS.filter((builtIn) => {
      const mark = cell(builtIn);
      if (mark !== 'x' && mark !== '-' && mark !== '') throw complain(builtIn, 'must be x or -');
      return mark === 'x';
    });
    return { name, scope, description, builtInRoles };
  });
}

function checkHeader(line: number, columns: readonly string[]): void {
  columns.forEach((column, i) => {
    const problem = !COLUMNS.includes(column)
      ? `there is no column ${JSON.stringify(column)}, only ${COLUMNS.join(', ')}`
      : columns.indexOf(column) < i
        ? `the column ${column} is there twice`
        : undefined;
    if (problem) throw new CatalogueFileError(`line ${line}, column ${i + 1}: ${problem}`);
  });
  for (const needed of ['permission', 'scope', 'description']) {
    if (!columns.includes(needed)) throw new CatalogueFileError(`line ${line}: the column ${needed} is missing`);
  }
}
