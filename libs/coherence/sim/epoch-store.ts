import { type EpochDocument, type EpochOperation, execute, firstDocument } from '../src/protocol';
import { type Switches } from './switches';
import { type Timeline } from './timeline';

/** The epoch document in its replica set: every operation is atomic, and durable once it has executed. */
export class EpochStore {
  document: EpochDocument;
  /** Older ones, for a secondary that lags. */
  readonly #past: { readonly until: number; readonly document: EpochDocument }[] = [];
  readonly #timeline: Timeline;
  readonly #switches: Switches;
  readonly #timeOffset: number;

  constructor(timeline: Timeline, switches: Switches, timeOffset: number) {
    this.#timeline = timeline;
    this.#switches = switches;
    this.#timeOffset = timeOffset;
    this.document = firstDocument('g1', 'secret of g1', this.databaseTime);
  }

  get databaseTime(): number {
    return this.#timeline.now + this.#timeOffset;
  }

  execute(by: string, operation: EpochOperation): EpochDocument | undefined {
    const after = this.#execute(operation);
    if (after) {
      if (this.#switches.staleList) this.#past.push({ until: this.#timeline.now, document: this.document });
      this.document = after;
    }
    this.#timeline.note(() => `${by}: ${describe(operation)} → ${after ? `seq ${after.seq}` : 'no match'}`);
    return after;
  }

  /** As it was so many milliseconds ago. */
  before(lag: number): EpochDocument {
    return this.#past.find(({ until }) => until > this.#timeline.now - lag)?.document ?? this.document;
  }

  /** An operator copies an old backup over the document. */
  overwrite(backup: EpochDocument): void {
    this.document = backup;
    this.#timeline.note(
      () => `the epoch document is overwritten by a backup of ${backup.generation}, seq ${backup.seq}`,
    );
  }

  #execute(operation: EpochOperation): EpochDocument | undefined {
    const { document } = this;
    const { sharedIncarnation, reusedIncarnation, splitGroup, pruneWithoutCompare } = this.#switches;
    if (operation.op === 'join' && (sharedIncarnation || reusedIncarnation)) {
      const entry = document.replicas[operation.incarnation];
      if (entry) return { ...document, at: this.databaseTime };
    }
    if (operation.op === 'prune' && pruneWithoutCompare) {
      const poll = document.replicas[operation.incarnation]?.poll ?? 0;
      return execute(document, { ...operation, poll }, this.databaseTime);
    }
    const after = execute(document, operation, this.databaseTime);
    if (after && splitGroup && operation.op === 'bump') return { ...after, seq: document.seq + 1 };
    return after;
  }
}

function describe(operation: EpochOperation): string {
  switch (operation.op) {
    case 'join':
      return `join ${operation.incarnation}`;
    case 'poll':
      return `poll ${operation.incarnation} ack=${operation.ack}`;
    case 'bump':
      return `bump ${operation.events.map(({ event }) => event.id).join('+')}`;
    case 'prune':
    case 'leave':
      return `${operation.op} ${operation.incarnation}`;
    case 'restore':
    case 'thaw':
      return `${operation.op} ${operation.generation}`;
  }
}
