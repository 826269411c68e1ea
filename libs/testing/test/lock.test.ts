import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { acquireLock, LockHeldError } from '../src';
import { scratchFolder } from './scratch';

const dir = scratchFolder();

test('one-start-per-folder: a lock whose holder lives is refused, and free again after its release', async () => {
  const file = join(dir, 'live');
  const lock = await acquireLock(file);
  await expect(acquireLock(file)).rejects.toThrow(LockHeldError);
  lock.release();
  (await acquireLock(file)).release();
  expect(existsSync(file)).toBe(false);
});

test('stale-lock-is-taken-over: a dead holder does not keep the folder', async () => {
  const file = join(dir, 'dead');
  const { pid } = spawnSync(process.execPath, ['-e', '']);
  writeFileSync(file, `${pid}\n12345\nx`);
  (await acquireLock(file)).release();
});

test('stale-lock-is-taken-over: another process that got the holder’s id after a reboot does not keep the folder', async () => {
  const file = join(dir, 'reused');
  writeFileSync(file, `${process.pid}\nanother start time\nx`);
  (await acquireLock(file)).release();
});

test('one-start-per-folder: of many that find a stale lock at once, exactly one takes it', async () => {
  const file = join(dir, 'raced');
  writeFileSync(file, `${process.pid}\nanother start time\nx`);
  const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => acquireLock(file)));
  expect(outcomes.filter((outcome) => outcome.status === 'fulfilled')).toHaveLength(1);
});
