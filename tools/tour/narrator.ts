import { CallError } from '@latchkey/testing';

/** Thrown when a service answers something other than what the tour promises. */
export class TourFailed extends Error {}

/** Tells the tour: what is asked, what came back, and whether it is what was promised. */
export class Narrator {
  constructor(private readonly log: (line: string) => void) {}

  step(number: number, title: string): void {
    this.log('');
    this.log(`── ${number}. ${title}`);
  }

  say(line: string): void {
    this.log(`   ${line}`);
  }

  /** Asks, and prints both sides; an error ends the tour. */
  async ask<A>(question: string, call: Promise<A>, tell: (answer: A) => string): Promise<A> {
    try {
      const answer = await call;
      this.log(`   → ${question}`);
      this.log(`   ← ${tell(answer)}`);
      return answer;
    } catch (error) {
      throw new TourFailed(`${question}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
  }

  /** Asks for something that must be refused, with this code and reason. */
  async refused(question: string, call: Promise<unknown>, code: string, reason: string): Promise<CallError> {
    let answer: unknown;
    try {
      answer = await call;
    } catch (error) {
      if (error instanceof CallError && error.code === code && error.reason === reason) {
        const more = Object.entries(error.metadata).map(([name, value]) => ` ${name}=${value}`);
        this.log(`   → ${question}`);
        this.log(`   ← ${code} ${reason}${more.join('')}`);
        return error;
      }
      throw new TourFailed(`${question}: expected ${code} ${reason}, got ${String(error)}`, { cause: error });
    }
    throw new TourFailed(
      `${question}: expected ${code} ${reason}, but it was answered: ${Object.keys(answer as object)}`,
    );
  }

  expect(holds: boolean, promise: string): void {
    if (!holds) throw new TourFailed(`this does not hold: ${promise}`);
    this.log(`   ✓ ${promise}`);
  }
}
