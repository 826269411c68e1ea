import { spawn } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AppError, ConfigError, createLogger, fields, masked, readConfig } from '@latchkey/service';
import { repositoryRoot } from '@latchkey/testing';
import { z } from 'zod';

const PAT = `lk_pat_${'Ab1'.repeat(16)}z`;
const LEGACY = 'ls__0123456789abcdef';

describe('the log', () => {
  const logged = (write: (log: ReturnType<typeof createLogger>) => void): string => {
    let text = '';
    write(createLogger({ name: 'test', level: 'trace', destination: { write: (line) => (text += line) } }));
    return text;
  };

  test.each([
    ['a message', (log: ReturnType<typeof createLogger>) => log.info(`presented ${PAT} and ${LEGACY}`)],
    ['a field', (log) => log.info({ note: PAT, other: [LEGACY] }, 'x')],
    ['a field with a secret name', (log) => log.info({ secret: PAT, request: { key: LEGACY } }, 'x')],
    ['an error', (log) => log.error({ err: new Error(`bad ${PAT}`, { cause: new Error(LEGACY) }) }, 'x')],
    ['what hangs on an error', (log) => log.error({ err: Object.assign(new Error('x'), { keyValue: PAT }) }, 'x')],
    ['a header', (log) => log.info({ headers: { authorization: `Bearer ${PAT}` } }, `authorization: bearer ${PAT}`)],
    ['half of one', (log) => log.info(PAT.slice(0, 20))],
  ] as [string, (log: ReturnType<typeof createLogger>) => void][])('carries no secret in %s', (_where, write) => {
    const text = logged(write);
    expect(text).not.toBe('');
    expect(text).not.toContain(PAT.slice(7, 15));
    expect(text).not.toContain(LEGACY.slice(4));
  });

  test('keeps what is no secret: ids, names, addresses', () => {
    const text = 'pat_01h455vb4pex5vsknk084sn02q of svc_01h455vb4pex5vsknk084sn02q at mongodb://localhost:1/?x=1';
    expect(masked(text)).toBe(text);
    expect(masked('my_svc_01h455vb4pex5vsknk084sn02q')).toBe('my_svc_01h455vb4pex5vsknk084sn02q');
    expect(masked('mongodb://me:hunter2@db:1')).toBe('mongodb://***@db:1');
    expect(masked('a redis://u:p@h and x@y')).toBe('a redis://***@h and x@y');
  });

  test('says of an AppError what it was, with its causes', () => {
    const cause = new Error('the root');
    const text = logged((log) => {
      log.error({ err: new AppError({ code: 'ABORTED', reason: 'STALE', message: 'stale', cause }) }, 'x');
    });
    expect(JSON.parse(text)).toMatchObject({
      level: 'error',
      err: { type: 'LatchkeyError', code: 'ABORTED', reason: 'STALE', cause: { message: 'the root' } },
    });
  });
});

describe('the configuration', () => {
  const schema = z.object({
    LATCHKEY_LISTEN: fields.address,
    MONGODB_URI: fields.mongoUri,
    LATCHKEY_FRONT_ENDS: fields.callers,
    LATCHKEY_LOG_LEVEL: fields.logLevel,
  });

  test('reports all problems at once, and no values', () => {
    const env = { MONGODB_URI: 'postgres://me:hunter2@db', LATCHKEY_FRONT_ENDS: 'Ops;', LATCHKEY_LISTEN: '' };
    let message = '';
    try {
      readConfig(schema, env);
    } catch (error) {
      expect(error).toBeInstanceOf(ConfigError);
      message = (error as Error).message;
    }
    expect(message.split('\n')).toEqual([
      'the configuration has 3 problems:',
      '  LATCHKEY_LISTEN: is required',
      '  MONGODB_URI: must begin with mongodb:// or mongodb+srv://',
      '  LATCHKEY_FRONT_ENDS: must be caller names, separated by commas',
    ]);
  });

  test('takes an empty variable for an absent one', () => {
    const env = { LATCHKEY_LISTEN: 'localhost:0', MONGODB_URI: 'mongodb://x', LATCHKEY_FRONT_ENDS: '' };
    expect(readConfig(schema, env)).toMatchObject({ LATCHKEY_FRONT_ENDS: [], LATCHKEY_LOG_LEVEL: 'info' });
    expect(readConfig(schema, { ...env, LATCHKEY_FRONT_ENDS: 'ops, web-1' }).LATCHKEY_FRONT_ENDS).toEqual([
      'ops',
      'web-1',
    ]);
  });

  test.each(['localhost', 'localhost:99999', ':1', 'http://x:1', 'x y:1'])('%s is no address', (value) => {
    expect(fields.address.safeParse(value).success).toBe(false);
  });
});

describe('a process', () => {
  const root = repositoryRoot;
  const file = join(root, '.cache', `process-test-${process.pid}.ts`);
  afterEach(() => rmSync(file, { force: true }));

  /** Runs runMain with this start function; `signal` once it says that it is up. */
  const run = (start: string, signal?: 'SIGTERM' | 'SIGINT') => {
    writeFileSync(file, `import { runMain } from '@latchkey/service';\nrunMain('thing', ${start});\n`);
    const child = spawn(process.execPath, ['--import', 'tsx', file], { cwd: root });
    let out = '';
    let err = '';
    child.stdout.on('data', (data) => {
      out += String(data);
      // Once when it is up, and again while it stops.
      if (signal && /"up"|stop was called/.test(String(data))) child.kill(signal);
    });
    child.stderr.on('data', (data) => (err += String(data)));
    return new Promise<{ code: number | null; out: string; err: string }>((resolve) => {
      child.on('close', (code) => resolve({ code, out, err }));
    });
  };

  const UP = `async (log) => {
    const alive = setInterval(() => undefined, 1000);
    log.info('up');
    return { stop: async () => { log.info('stop was called'); await new Promise((go) => setTimeout(go, 300)); clearInterval(alive); } };
  }`;

  test.each(['SIGTERM', 'SIGINT'] as const)('stops once on %s, and exits 0', async (signal) => {
    const { code, out, err } = await run(UP, signal);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out.match(/stop was called/g)).toHaveLength(1);
  });

  test('that cannot start says why in one line without secrets, and exits 1', async () => {
    const { code, err } = await run(
      `async () => { throw new Error('no database at mongodb://me:hunter2@db\\nmore'); }`,
    );
    expect({ code, err }).toEqual({ code: 1, err: 'latchkey thing cannot start: no database at mongodb://***@db\n' });
  });

  test('exits 1 with a fatal line after a rejection that nobody handled', async () => {
    const { code, out } = await run(
      `async () => { Promise.reject(new Error('forgotten')); return { stop: async () => {} }; }`,
    );
    expect(code).toBe(1);
    expect(out).toMatch(/"level":"fatal".*forgotten/);
  });

  test('exits 1 when its stop fails', async () => {
    const start = UP.replace('clearInterval(alive);', 'throw new Error("stuck");');
    const { code, out } = await run(start, 'SIGTERM');
    expect(code).toBe(1);
    expect(out).toContain('the stop failed');
  });
});
