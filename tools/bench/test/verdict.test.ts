import { type RowResult } from '../row';
import { verdictOf } from '../verdict';

const line = (good?: boolean) => ({ figure: 'cost', measured: '1', ...(good !== undefined && { reach: '≤ 1', good }) });

test('a-run-ends-with-its-figures-in-one-line-of-json', () => {
  const rows: RowResult[] = [
    { lines: [line(true)], figures: { authorizeToEcho: 1.1 } },
    { lines: [line()], figures: { batchMicrosPerCheck: 3.5 } },
  ];
  expect(verdictOf(rows, 7)).toEqual({
    json: '{"seconds":7,"authorizeToEcho":1.1,"batchMicrosPerCheck":3.5}',
    code: 0,
  });
});

test('a-run-in-which-one-figure-of-one-row-falls-short-has-failed', () => {
  const reached = { lines: [line(true), line()], figures: {} };
  expect(verdictOf([reached, { lines: [line(true), line(false)], figures: {} }, reached], 0).code).toBe(1);
});
