import { repositoryRoot } from '@latchkey/testing';
import { BASE, Dataset } from '../data/dataset';
import { idOf, indexOf } from '../data/ids';
import { randomOf } from '../data/random';
import { headerBlocks } from '../load/hpack';
import { spreadOf } from '../statistics';

test('four-of-five-questions-of-the-dataset-are-allowed', () => {
  const dataset = new Dataset(BASE, repositoryRoot);
  const random = randomOf(1);
  const questions = Array.from({ length: 2_000 }, (_, i) => dataset.question(i % BASE.members, random));
  const allowed = questions.filter(({ expected }) => expected).length / questions.length;
  expect(allowed).toBeGreaterThan(0.77);
  expect(allowed).toBeLessThan(0.83);
  expect(dataset.roles.length).toBe(1 + 3 + 100);
  expect(dataset.permissions.length).toBe(104);
});

test('an-id-tells-its-index', () => {
  for (const index of [0, 1, 31, 32, 999_999]) {
    expect(idOf('mem', index)).toMatch(/^mem_[0-7][0-9a-hjkmnp-tv-z]{25}$/);
    expect(indexOf(idOf('mem', index))).toBe(index);
  }
  expect(indexOf('role_0000000000e008000000000001')).toBeNaN();
});

test('further-requests-of-a-connection-are-a-byte-for-each-header', () => {
  const { first, further } = headerBlocks('/a.B/C');
  expect(first.includes('/a.B/C')).toBe(true);
  expect(further.length).toBe(9);
});

test('a-spread-is-the-middle-and-both-ends', () => {
  expect(spreadOf([3, 1, 2])).toEqual({ median: 2, low: 1, high: 3 });
  expect(spreadOf([4, 1, 2, 3]).median).toBe(2.5);
});
