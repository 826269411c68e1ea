import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { connectLatchkey, type LatchkeyClient } from '@latchkey/client';
import { BUILT_IN_ROLE_IDS } from '@latchkey/decision';
import { newTenant, newToken, newUser, startTestSuite, type TestMember, type TestSuite } from '@latchkey/testing';
import { type Bench } from './bench';

export type World = TestSuite & {
  readonly organizationId: string;
  readonly workspaceId: string;
  readonly admin: TestMember;
};

export interface KeyHolder extends TestMember {
  readonly tokenId: string;
  readonly secret: string;
}

/** Every service as a process, replicas of key, a real database and Redis, and one organization. */
export async function startWorld({ profileDir }: Bench, keyReplicas: 2 | 3 = 3): Promise<World> {
  const profiled = profileDir !== undefined && {
    key: { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${resolve(profileDir, 'key')}` },
  };
  const suite = await startTestSuite({ keyReplicas, ...(profiled && { env: profiled }) });
  const { organizationId, workspaceId, admin } = await newTenant(suite.api);
  return { ...suite, organizationId, workspaceId, admin };
}

/** A member who may read in the workspace, with a token. */
export async function newHolder({ api, organizationId, workspaceId, admin }: World): Promise<KeyHolder> {
  const person = await newUser(api, `holder-${randomBytes(3).toString('hex')}`);
  const { member } = await api.members.addMember(
    {
      organizationId,
      userId: person.userId,
      workspaceRoles: [{ workspaceId, roleId: BUILT_IN_ROLE_IDS.WORKSPACE_VIEWER }],
    },
    { as: admin.as },
  );
  if (!member) throw new Error('AddMember answered without a member');
  const { id: tokenId, secret } = await newToken(api, organizationId, person.as);
  return { ...person, memberId: member.id, tokenId, secret };
}

/** For an SDK client to find a replica and get a sub-lease of it, ms. */
export const READY_MS = 30_000;

/** An SDK client; once it is ready, every mutation has to wait for it. */
export function connectSdk({ addresses, tls }: World, address = addresses.key): LatchkeyClient {
  return connectLatchkey({ address, tls: tls('ops') });
}

/** CPU time of a process that answers no questions, µs, from the kernel's account of it: in steps of 10 ms. */
export function cpuMicrosOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  const TICK_MICROS = 10_000;
  return (Number(fields[11]) + Number(fields[12])) * TICK_MICROS;
}
