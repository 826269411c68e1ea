/** What a writer calls its change of this number. */
export const nameOfChange = (writer: string, number: number): string => `${writer}#${number}`;

/** Who has given a change its name. */
export const writerOf = (name: string): string => name.slice(0, Math.max(0, name.lastIndexOf('#')));

/** Its number there. */
export const orderOf = (name: string): number => Number(name.slice(name.lastIndexOf('#') + 1));
