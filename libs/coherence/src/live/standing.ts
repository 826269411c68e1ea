import { AppError, type Logger } from '@latchkey/service';
import { type EpochDocument, isBehind, type Watermark } from '../protocol';

/** Whether what is in the database may be believed, as this process last saw it. */
export type Standing = 'TRUSTED' | 'BEHIND' | 'FROZEN';

const COMMAND = 'latchkey restore --mongo-uri <uri> --redis-url <uri>';

/** Judges the epoch document against what is remembered, tells the operator once, and refuses for as long as it must. */
export class EpochStanding {
  readonly #log: Logger;
  #standing: Standing = 'TRUSTED';

  constructor(log: Logger) {
    this.#log = log;
  }

  /** `remembered` was known before the document was read. */
  saw(document: EpochDocument | undefined, remembered: Watermark | undefined): void {
    const before = this.#standing;
    this.#standing = standingOf(document, remembered);
    if (this.#standing === before) return;
    if (this.#standing === 'BEHIND') {
      const found = document && { generation: document.generation, seq: document.seq };
      this.#log.error(
        { found: found ?? 'no epoch document', remembered, command: COMMAND },
        `the database is older than what is remembered of it, as after a restore from a backup: nothing is answered and nothing is changed until an operator runs ${COMMAND}`,
      );
    } else if (this.#standing === 'FROZEN')
      this.#log.warn('a restore is under way: nothing is changed until it is over');
    else this.#log.info('the epoch document is trusted again');
  }

  /** @throws Error while the database is not to be believed: this process is not ready then. */
  assertTrusted(): void {
    if (this.#standing === 'BEHIND') throw new Error(BEHIND);
  }

  /** @throws AppError UNAVAILABLE (EPOCH_BEHIND, RESTORE_UNDER_WAY) while no change could be made visible */
  assertChangeable(): void {
    if (this.#standing === 'BEHIND') throw unavailable('EPOCH_BEHIND', BEHIND);
    if (this.#standing === 'FROZEN')
      throw unavailable('RESTORE_UNDER_WAY', 'a restore is under way: nothing is changed');
  }
}

const BEHIND = 'the database is older than what is remembered of it: an operator has to run `latchkey restore`';

export function standingOf(document: EpochDocument | undefined, remembered: Watermark | undefined): Standing {
  if (document === undefined || isBehind(document, remembered)) return 'BEHIND';
  return document.frozen ? 'FROZEN' : 'TRUSTED';
}

function unavailable(reason: string, message: string): AppError {
  return new AppError({ code: 'UNAVAILABLE', reason, message, retryAfterMs: 1_000 });
}
