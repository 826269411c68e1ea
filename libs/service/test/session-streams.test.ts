import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { repositoryRoot } from '@latchkey/testing';
import { SessionStreams } from '../src/session-streams';

/** A call leaves some 400 to 700 bytes among old objects by itself, and 4,000 where its session keeps streams in a Map. */
const MOST_BYTES = 1_500;

test('what calls leave behind is collected young, also after a full collection', async () => {
  const program = ['--import', 'tsx', join(__dirname, 'session-streams-main.ts')];
  const { stdout } = await promisify(execFile)(process.execPath, program, { cwd: repositoryRoot });
  const grown = JSON.parse(stdout) as number[];
  expect(grown).toHaveLength(5);
  expect(grown.toSorted((a, b) => a - b)[2]).toBeLessThan(MOST_BYTES);
});

test('streams are found, counted and gone through as in a Map', () => {
  const streams = new SessionStreams<string>();
  expect(streams.set(1, 'first').set(3, 'second').set(3, 'third').size).toBe(2);
  expect([...streams]).toEqual([
    [1, 'first'],
    [3, 'third'],
  ]);
  expect([streams.get(3), streams.get(5), streams.has(1), streams.has(5)]).toEqual(['third', undefined, true, false]);
  const met: (readonly [number, string])[] = [];
  streams.forEach((stream, id, all) => {
    met.push([id, stream]);
    all.delete(3);
  });
  expect(met).toEqual([
    [1, 'first'],
    [3, 'third'],
  ]);
  expect([streams.delete(3), streams.delete(1), streams.delete(1), streams.size]).toEqual([false, true, false, 0]);
  expect([streams.get(0), streams.has(0), streams.delete(0), streams.size]).toEqual([undefined, false, false, 0]);
  expect([...streams.set(7, 'another').set(9, 'one more').keys()]).toEqual([7, 9]);
  streams.clear();
  expect([[...streams.keys()], [...streams.values()], streams.size]).toEqual([[], [], 0]);
});
