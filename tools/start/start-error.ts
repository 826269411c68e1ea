/** Something that the person at the keyboard can act on: printed as a sentence, without a stack. */
export class StartError extends Error {}
