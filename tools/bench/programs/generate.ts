// The generator: calls from frames made beforehand, on a core of its own, every answer looked at.
import { keyV1 } from '@latchkey/proto';
import { type TlsFiles } from '@latchkey/service';
import { Dataset, type Question, type Size } from '../data/dataset';
import { randomOf } from '../data/random';
import { CALLERS, framed, LoadConnection } from '../load/connection';
import { Latencies, type Percentiles } from '../load/latencies';
import { answering } from './answering';

export interface GeneratorStart {
  readonly root: string;
  readonly tls: TlsFiles;
  /** Asked one by one, in this order; not given: {@link about}. */
  readonly questions?: readonly Question[];
  readonly about?: DatasetQuestions;
}

/** Questions about a dataset. */
export interface DatasetQuestions {
  readonly size: Size;
  /** How many different requests are prepared. */
  readonly requests: number;
  /** Questions in one message; 1: Authorize, more: BatchAuthorize, each about another key. */
  readonly perMessage: number;
}

export interface Load {
  readonly port: number;
  /** How many, and after which time at the latest the last of them is sent. */
  readonly calls: number;
  readonly limitMs: number;
  /** Calls a second, sent on time whatever has been answered; not given: as many as `callers` at every moment. */
  readonly rate?: number;
  /** Default {@link CALLERS}. */
  readonly callers?: number;
  /** Whether answers are what the dataset says; not to be asked of an echo. */
  readonly checked: boolean;
}

export interface LoadResult extends Percentiles {
  /** Calls answered with a message. */
  readonly answered: number;
  /** Calls that ended without one. */
  readonly failed: number;
  /** Answers that were not the expected ones. */
  readonly wrong: number;
  readonly perSecond: number;
}

interface Prepared {
  readonly message: Buffer;
  readonly expected: readonly boolean[];
}

const CONNECTIONS = 4;
const BATCH = keyV1.AuthorizationServiceService.batchAuthorize;
const SINGLE = keyV1.AuthorizationServiceService.authorize;

let tls: TlsFiles | undefined;
let prepared: Prepared[] = [];
/** A run goes on where the one before has ended, so that all of them are asked by turns. */
let asked = 0;
let path: string = SINGLE.path;

answering({
  start(options: GeneratorStart): void {
    tls = options.tls;
    const messages = options.about ? inDataset(options.root, options.about) : (options.questions ?? []).map((q) => [q]);
    path = messages.some(({ length }) => length > 1) ? BATCH.path : SINGLE.path;
    prepared = messages.map((questions) => ({
      message: framed(encoded(questions)),
      expected: questions.map(({ expected }) => expected),
    }));
  },

  async run(load: Load): Promise<LoadResult> {
    if (tls === undefined) throw new Error('start comes first');
    const { port } = load;
    const files = tls;
    const connections = await Promise.all(
      Array.from({ length: CONNECTIONS }, () => LoadConnection.open(port, files, path)),
    );
    try {
      return await (load.rate === undefined ? closedLoop(connections, load) : openLoop(connections, load, load.rate));
    } finally {
      for (const connection of connections) connection.close();
    }
  },
});

function inDataset(root: string, { size, requests, perMessage }: DatasetQuestions): Question[][] {
  const dataset = new Dataset(size, root);
  const random = randomOf(7);
  return Array.from({ length: requests }, () => {
    const first = Math.floor(random() * size.members);
    return Array.from({ length: perMessage }, (_, i) => dataset.question((first + i) % size.members, random));
  });
}

function encoded(questions: readonly Question[]): Uint8Array {
  const checks = questions.map(({ key, permission, workspaceId, organizationId }) => ({
    key,
    permission,
    workspaceId,
    organizationId,
  }));
  return checks.length === 1 ? SINGLE.requestSerialize(checks[0]!) : BATCH.requestSerialize({ checks });
}

class Tally {
  readonly latencies = new Latencies();
  answered = 0;
  failed = 0;
  wrong = 0;
  readonly #started = performance.now();

  note(request: Prepared, message: Buffer | undefined, since: number, checked: boolean): void {
    this.latencies.add(performance.now() - since);
    if (message === undefined) this.failed += 1;
    else if (checked && !agrees(request, message)) this.wrong += 1;
    else this.answered += 1;
  }

  result(): LoadResult {
    const { answered, failed, wrong } = this;
    const perSecond = (answered / (performance.now() - this.#started)) * 1_000;
    return { answered, failed, wrong, perSecond, ...this.latencies.percentiles() };
  }
}

function agrees({ expected }: Prepared, message: Buffer): boolean {
  if (expected.length === 1) return SINGLE.responseDeserialize(message).allowed === expected[0];
  const { results } = BATCH.responseDeserialize(message);
  return results.every(({ outcome }, i) => outcome?.$case === 'response' && outcome.value.allowed === expected[i]);
}

/** A number of callers, each with its next call as soon as the last one is answered. */
function closedLoop(
  connections: readonly LoadConnection[],
  { calls, limitMs, checked, callers = CALLERS }: Load,
): Promise<LoadResult> {
  const tally = new Tally();
  const end = performance.now() + limitMs;
  let next = 0;
  let running = callers;
  return new Promise((resolve) => {
    const call = (connection: LoadConnection): void => {
      const since = performance.now();
      if (next >= calls || since >= end) {
        if (--running === 0) resolve(tally.result());
        return;
      }
      next += 1;
      const request = prepared[asked++ % prepared.length]!;
      connection.call(request.message, (message) => {
        tally.note(request, message, since, checked);
        call(connection);
      });
    };
    for (let i = 0; i < callers; i++) call(connections[i % connections.length]!);
  });
}

/** Calls at their times, however slow the answers are; each is timed from when it should have been sent. */
function openLoop(
  connections: readonly LoadConnection[],
  { calls, limitMs, checked }: Load,
  rate: number,
): Promise<LoadResult> {
  const tally = new Tally();
  const started = performance.now();
  const total = Math.min(calls, Math.floor((rate * limitMs) / 1_000));
  let sent = 0;
  let ended = 0;
  return new Promise((resolve) => {
    const send = (): void => {
      const due = Math.min(total, Math.floor(((performance.now() - started) * rate) / 1_000));
      for (; sent < due; sent++) {
        const request = prepared[asked++ % prepared.length]!;
        const scheduled = started + (sent * 1_000) / rate;
        connections[sent % connections.length]!.call(request.message, (message) => {
          tally.note(request, message, scheduled, checked);
          if (++ended === total) resolve(tally.result());
        });
      }
      // Not a timer: those are late by a millisecond, which is what is measured here.
      if (sent < total) setImmediate(send);
    };
    send();
  });
}
