interface Due {
  readonly at: number;
  /** Breaks ties, so that a run has exactly one order. */
  readonly order: number;
  readonly run: () => void;
}

/** True time, which no machine of the simulation can see, and what happens in it. Milliseconds. */
export class Timeline {
  now = 0;
  #order = 0;
  readonly #heap: Due[] = [];
  readonly #lines: string[] | undefined;

  /** With `trace`, every remarkable thing is written down. */
  constructor(trace: boolean) {
    this.#lines = trace ? [] : undefined;
  }

  get lines(): readonly string[] {
    return this.#lines ?? [];
  }

  note(line: () => string): void {
    this.#lines?.push(`${this.now.toFixed(1).padStart(8)}  ${line()}`);
  }

  after(delay: number, run: () => void): void {
    this.at(this.now + Math.max(0, delay), run);
  }

  at(time: number, run: () => void): void {
    const heap = this.#heap;
    const due = { at: Math.max(time, this.now), order: this.#order++, run };
    let place = heap.push(due) - 1;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!before(due, heap[parent]!)) break;
      heap[place] = heap[parent]!;
      place = parent;
    }
    heap[place] = due;
  }

  runUntil(end: number): void {
    for (let due = this.#heap[0]; due && due.at <= end; due = this.#heap[0]) {
      this.#pop();
      this.now = due.at;
      due.run();
    }
    this.now = end;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++;
      if (!before(heap[child]!, last)) break;
      heap[place] = heap[child]!;
      place = child;
    }
    heap[place] = last;
  }
}

function before(a: Due, b: Due): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
