import { type Bench } from './bench';
import { type Size } from './data/dataset';
import { type Server } from './load/paired';
import { GENERATOR_CORE, type Measured, SERVER_CORE } from './process';
import { type EchoStart } from './programs/echo';
import { type GeneratorStart } from './programs/generate';
import { type LatchkeyStart } from './programs/latchkey';

export async function startLatchkey(
  bench: Bench,
  options: { readonly size: Size; readonly filled: number; readonly name?: string; readonly flags?: readonly string[] },
): Promise<Server> {
  const { size, filled, name = 'Latchkey', flags } = options;
  const process = await bench.start({ program: 'latchkey', core: SERVER_CORE, flags });
  const start: LatchkeyStart = {
    root: bench.root,
    tls: await bench.tls('key'),
    ...(await bench.engines()),
    size,
    filled,
  };
  const { port } = await process.ask<{ port: number }>('start', start);
  return { name, process, port, checked: true };
}

export async function startEcho(bench: Bench, codec: EchoStart['codec']): Promise<Server> {
  const process = await bench.start({ program: 'echo', core: SERVER_CORE });
  const start: EchoStart = { tls: await bench.tls('key'), codec };
  const { port } = await process.ask<{ port: number }>('start', start);
  return { name: codec === 'messages' ? 'echo' : 'echo of bytes', process, port, checked: false };
}

export async function startGenerator(
  bench: Bench,
  options: Pick<GeneratorStart, 'about' | 'questions'> & Partial<Pick<GeneratorStart, 'tls'>>,
): Promise<Measured> {
  const generator = await bench.start({ program: 'generate', core: GENERATOR_CORE });
  const start: GeneratorStart = { root: bench.root, tls: await bench.tls('ops'), ...options };
  await generator.ask('start', start);
  return generator;
}
