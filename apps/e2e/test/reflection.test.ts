import { execFile, spawnSync } from 'node:child_process';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { identityV1 } from '@latchkey/proto';
import { contractServices } from '@latchkey/service';
import { newUser, repositoryRoot, startTestSuite, type TestSuite } from '@latchkey/testing';

type Server = 'identity' | 'role' | 'key';

interface Answer {
  /** gRPC's number of the status; 0 is OK. */
  status: number;
  /** What the tool printed: the response as JSON, or the error. */
  output: string;
}

/** A command-line client that knows nothing of the contract but what the server tells it by reflection. */
interface Tool {
  name: string;
  services(suite: TestSuite, address: string): Promise<string[]>;
  methods(suite: TestSuite, address: string, service: string): Promise<string[]>;
  call(suite: TestSuite, address: string, method: string, request: object, actor?: string): Promise<Answer>;
}

const OK = 0;
/** What a server answers to a request that nobody filled in: malformed, or on nobody's behalf, or not this caller's to make. */
const REFUSALS = [3, 7, 16];

function run(command: string, args: string[]): Promise<{ exitCode: number; stdout: string; stderr: string }> {
  return new Promise((resolve, reject) => {
    execFile(command, args, { timeout: 30_000 }, (error, stdout, stderr) => {
      const exitCode = error ? error.code : 0;
      if (typeof exitCode === 'number') resolve({ exitCode, stdout, stderr });
      else reject(new Error(`${command} could not be run to its end: ${error?.message}`, { cause: error }));
    });
  });
}

async function lines(command: string, args: string[]): Promise<string[]> {
  const { exitCode, stdout, stderr } = await run(command, args);
  if (exitCode !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${exitCode}: ${stderr}`);
  return stdout.split('\n').filter((line) => line !== '');
}

function bufCurl(): Tool {
  const command = join(repositoryRoot, 'node_modules/.bin/buf');
  const flags = (suite: TestSuite): string[] => {
    const { ca, cert, key } = suite.endpoints.tls;
    return ['curl', '--protocol', 'grpc', '--cacert', ca, '--cert', cert, '--key', key];
  };
  return {
    name: 'buf curl',
    services: (suite, address) => lines(command, [...flags(suite), '--list-services', `https://${address}`]),
    async methods(suite, address, service) {
      const all = await lines(command, [...flags(suite), '--list-methods', `https://${address}`]);
      return all.filter((method) => method.startsWith(`${service}/`));
    },
    async call(suite, address, method, request, actor) {
      const header = actor ? ['--header', `latchkey-actor: ${actor}`] : [];
      const args = [...flags(suite), ...header, '--data', JSON.stringify(request), `https://${address}/${method}`];
      const { exitCode, stdout, stderr } = await run(command, args);
      // Less than 8 is the tool's own failure; see its help.
      if (exitCode > 0 && exitCode < 8) throw new Error(`buf curl ${method}: ${stderr}`);
      // It prints the typed details of an error as they came, in base64.
      const details = stderr.replace(/"value": "([^"]*)"/g, (_, value: string) =>
        Buffer.from(value, 'base64').toString('latin1'),
      );
      return { status: exitCode >> 3, output: stdout + details };
    },
  };
}

function grpcurl(command: string): Tool {
  const flags = (suite: TestSuite): string[] => {
    const { ca, cert, key } = suite.endpoints.tls;
    return ['-cacert', ca, '-cert', cert, '-key', key];
  };
  return {
    name: 'grpcurl',
    services: (suite, address) => lines(command, [...flags(suite), address, 'list']),
    async methods(suite, address, service) {
      const all = await lines(command, [...flags(suite), address, 'list', service]);
      return all.map((method) => method.replace(/\.([^.]+)$/, '/$1'));
    },
    async call(suite, address, method, request, actor) {
      const header = actor ? ['-H', `latchkey-actor: ${actor}`] : [];
      const args = [...flags(suite), ...header, '-d', JSON.stringify(request), address, method];
      const { exitCode, stdout, stderr } = await run(command, args);
      // The tool's own failures are below 64; a status is added to that.
      if (exitCode > 0 && exitCode < 64) throw new Error(`grpcurl ${method}: ${stderr}`);
      return { status: exitCode === 0 ? 0 : exitCode - 64, output: stdout + stderr };
    },
  };
}

/** grpcurl is no dependency of ours: it is tried where somebody has installed it. */
function findGrpcurl(): string | undefined {
  const candidates = ['grpcurl', join(homedir(), 'go/bin/grpcurl')];
  return candidates.find((command) => spawnSync(command, ['-version']).status === 0);
}

const HEALTH = 'grpc.health.v1.Health';
const isOurs = (service: string): boolean => !service.startsWith('grpc.reflection.');
const servicesOf = (server: Server): string[] =>
  contractServices().filter((name) => name.startsWith(`latchkey.${server}.`) || name.startsWith('latchkey.audit.'));
const SERVED: [Server, string][] = (['identity', 'role', 'key'] as const).flatMap((server) =>
  servicesOf(server).map((service): [Server, string] => [server, service]),
);

const installed = findGrpcurl();
const TOOLS = [bufCurl(), ...(installed ? [grpcurl(installed)] : [])];

let suite: TestSuite;
beforeAll(async () => {
  suite = await startTestSuite();
}, 120_000);
afterAll(() => suite?.stop(), 60_000);

describe.each(TOOLS)(`by reflection${installed ? '' : ' (grpcurl is not installed here)'}, $name`, (tool) => {
  test.each(['identity', 'role', 'key'] as const)('lists every service of %s', async (server) => {
    const found = await tool.services(suite, suite.addresses[server]);
    expect(found.filter(isOurs).sort()).toEqual([...servicesOf(server), HEALTH].sort());
  });

  test.each(SERVED)('lists and calls the methods of %s: %s', async (server, service) => {
    const address = suite.addresses[server];
    const [method] = await tool.methods(suite, address, service);
    if (!method) throw new Error(`${service} has no methods`);
    const { status, output } = await tool.call(suite, address, method, {});
    expect({ status: REFUSALS.includes(status) || status === OK, output }).toEqual({ status: true, output });
  });

  test('gets real answers: health, and a person who is created and then read in their own name', async () => {
    const { identity } = suite.addresses;
    const health = await tool.call(suite, identity, `${HEALTH}/Check`, { service: 'latchkey.identity.v1.UserService' });
    expect(JSON.parse(health.output)).toEqual({ status: 'SERVING' });
    const { userId } = await newUser(suite.api);
    const method = identityV1.UserServiceService.getUser.path.slice(1);
    const answer = await tool.call(suite, identity, method, {}, userId);
    expect(answer.status).toBe(OK);
    expect(JSON.parse(answer.output)).toMatchObject({ user: { id: userId, state: 'USER_STATE_ACTIVE' } });
  });

  test('is shown which field is malformed', async () => {
    const method = identityV1.UserServiceService.createUser.path.slice(1);
    const { status, output } = await tool.call(suite, suite.addresses.identity, method, { email: 'nobody' });
    expect(status).toBe(3);
    expect(output).toContain('INVALID_REQUEST');
    expect(output).toContain('string.email');
  });
});
