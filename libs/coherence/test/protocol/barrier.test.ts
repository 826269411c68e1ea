import { Barrier, type BarrierEffect, DEFAULTS, type EpochDocument, execute, firstDocument } from '../../src/protocol';
import { simulatedAuthenticator } from '../../sim/environment';

const at = (mono: number) => ({ mono, wall: mono });
const event = (id: string) => ({ kind: 'key', id, hashes: [] });
const LEASE = 7_000;

function listed(...incarnations: string[]): EpochDocument {
  return incarnations.reduce(
    (document, incarnation) => execute(document, { op: 'join', incarnation, lease: LEASE }, 0) ?? document,
    firstDocument('g1', 'secret', 0),
  );
}

/** A barrier with a store that the test answers for. */
function stage(document: EpochDocument) {
  const barrier = new Barrier<string>({ parameters: DEFAULTS, authenticator: simulatedAuthenticator });
  const passed: string[] = [];
  const bumps: { ticket: number; ids: string[]; run: () => EpochDocument | undefined }[] = [];
  const take = (effects: readonly BarrierEffect<string>[]) => {
    for (const effect of effects) {
      if (effect.kind === 'passed') passed.push(effect.mutation);
      if (effect.kind !== 'store' || effect.operation.op !== 'bump') continue;
      const { ticket, operation } = effect;
      const run = () => {
        const after = execute(document, operation, 0);
        if (after) document = after;
        return after;
      };
      bumps.push({ ticket, ids: operation.events.map(({ id }) => id), run });
    }
  };
  return { barrier, passed, bumps, take };
}

describe('the barrier', () => {
  it('passes at once when no replica is listed', () => {
    const { barrier, passed, bumps, take } = stage(listed());
    take(barrier.submit('m', [event('k')], at(0)));
    take(barrier.answered(bumps[0]!.ticket, bumps[0]!.run(), at(5)));
    expect(passed).toEqual(['m']);
  });

  it('mutations that commit while a bump is under way share the next one', () => {
    const { barrier, bumps, take } = stage(listed());
    for (const id of ['a', 'b', 'c']) take(barrier.submit(id, [event(id)], at(0)));
    take(barrier.answered(bumps[0]!.ticket, bumps[0]!.run(), at(5)));
    expect(bumps.map(({ ids }) => ids)).toEqual([['a'], ['b', 'c']]);
  });

  it('gives a slow database longer for each attempt, so that one is answered in time', () => {
    const { barrier, passed, bumps, take } = stage(listed());
    const answersAfterMs = 4_000;
    take(barrier.submit('m', [event('k')], at(0)));
    const sentAt = [0];
    for (let mono = 0; mono <= 30_000 && passed.length === 0; mono += 20) {
      take(barrier.tick(at(mono)));
      if (bumps.length > sentAt.length) sentAt.push(mono);
      const due = sentAt.findIndex((sent) => mono === sent + answersAfterMs);
      if (due >= 0) take(barrier.answered(bumps[due]!.ticket, bumps[due]!.run(), at(mono)));
    }
    expect(passed).toEqual(['m']);
    expect(bumps.length).toBeLessThan(5);
  });

  it('waits the longest listed lease with its margin, from the receipt of the answer of the last bump', () => {
    const { barrier, passed, bumps, take } = stage(listed('p'));
    take(barrier.submit('m', [event('k')], at(0)));
    const first = bumps[0]!.run();
    take(barrier.tick(at(2_000)));
    expect(bumps).toHaveLength(2);
    // The answer of the attempt that was given up starts no wait.
    take(barrier.answered(bumps[0]!.ticket, first, at(2_001)));
    take(barrier.answered(bumps[1]!.ticket, bumps[1]!.run(), at(3_000)));
    take(barrier.tick(at(3_000 + LEASE * 1.06 - 1)));
    expect(passed).toEqual([]);
    take(barrier.tick(at(3_000 + LEASE * 1.06 + 1)));
    expect(passed).toEqual(['m']);
  });

  it('an acknowledgement in the document counts in its generation only, and a vanished replica has not acknowledged', () => {
    const { barrier, passed, bumps, take } = stage(listed('p'));
    take(barrier.submit('m', [event('k')], at(0)));
    const document = bumps[0]!.run()!;
    take(barrier.answered(bumps[0]!.ticket, document, at(5)));
    const acknowledged = { p: { ack: 1, poll: 3, lease: LEASE } };
    take(barrier.read({ ...document, replicas: {} }, at(10)));
    take(barrier.read({ ...document, generation: 'g2', replicas: acknowledged }, at(10)));
    expect(passed).toEqual([]);
    take(barrier.read({ ...document, replicas: acknowledged }, at(20)));
    expect(passed).toEqual(['m']);
  });

  it('is not passed while bumps match nothing, and goes on by itself when they do', () => {
    const { barrier, passed, bumps, take } = stage(listed());
    take(barrier.submit('m', [event('k')], at(0)));
    take(barrier.answered(bumps[0]!.ticket, undefined, at(5)));
    take(barrier.tick(at(100)));
    expect(bumps).toHaveLength(1);
    take(barrier.tick(at(300)));
    take(barrier.answered(bumps[1]!.ticket, bumps[1]!.run(), at(310)));
    expect(passed).toEqual(['m']);
  });

  it('refuses a mutation that names nothing', () => {
    const { barrier } = stage(listed());
    expect(() => barrier.submit('m', [], at(0))).toThrow('without events');
  });
});
