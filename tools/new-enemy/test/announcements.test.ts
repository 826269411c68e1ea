import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Announcements } from '../announcements';

const dir = mkdtempSync(join(tmpdir(), 'latchkey-announcements-'));
afterAll(() => rmSync(dir, { recursive: true }));

const announced = (second: number, ...events: string[]): string =>
  JSON.stringify({ level: 'debug', time: new Date(second * 1_000).toISOString(), events, msg: 'announced' });

test('the first announcement of a change in a span of time is found, in whichever log it stands', async () => {
  const [one, other] = [join(dir, 'role.log'), join(dir, 'role2.log')];
  writeFileSync(one, `${announced(1, 'role:1')}\n{"msg":"answered"}\n${announced(5, 'role:1', 'role:2')}\n`);
  writeFileSync(other, 'not a line of JSON\n');
  const announcements = new Announcements([one, other]);
  expect(await announcements.find('role:1', 0, 9_000)).toBe(1_000);
  expect(await announcements.find('role:1', 2_000, 9_000)).toBe(5_000);
  expect(await announcements.find('role:2', 6_000, 9_000)).toBeUndefined();

  // What is written later, and a line that comes in two parts.
  const line = announced(7, 'role:2');
  appendFileSync(other, line.slice(0, 20));
  expect(await announcements.find('role:2', 6_000, 9_000)).toBeUndefined();
  appendFileSync(other, `${line.slice(20)}\n`);
  expect(await announcements.find('role:2', 6_000, 9_000)).toBe(7_000);
  await announcements.close();
});
