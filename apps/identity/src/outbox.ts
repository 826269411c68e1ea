import { type OutboxEntry, type OutboxHandler } from '@latchkey/coherence';
import { AppError, type CallContext, isRefusal, systemContext } from '@latchkey/service';
import { jobId } from './deletion';
import { type DeletionQueue } from './deletion-queue';
import { type Deps } from './deps';
import { finishJoining, JOINING, joiningOf, PRINCIPAL_REMOVAL } from './joining';
import { SEAT_CLOSING, takeBackClosing, USER_DELETION } from './leaving';
import { text } from './payload';
import { removeSomeOfWorkspace, WORKSPACE_REMOVAL } from './workspace-removal';

/** How long one delivery may take, ms. */
const TIMEOUT_MS = 10_000;

/** After a seat was opened while somebody else was opening it, ms. */
const SEAT_RETRY_MS = 1_000;

/** While Redis is away, ms. It costs next to nothing, and tokens are waiting to be deleted. */
const QUEUE_RETRY_MS = 2_000;

interface Options {
  readonly queue: DeletionQueue;
  readonly deletionPendingTooLongMs: number;
}

/** What the relay does about promised work; the calls that promised it run the same functions. */
export function outboxHandlers(deps: Deps, options: Options): Readonly<Record<string, OutboxHandler>> {
  const handler =
    (handle: (entry: OutboxEntry, ctx: CallContext) => ReturnType<OutboxHandler>): OutboxHandler =>
    async (entry, { signal }) => {
      const system = systemContext('identity', { log: deps.log, timeoutMs: TIMEOUT_MS, signal });
      return await handle(entry, { ...system, rpc: `relay/${entry.kind}` });
    };

  return {
    [JOINING]: handler(async ({ payload }, ctx) => {
      try {
        await finishJoining(deps, joiningOf(payload), ctx);
      } catch (error) {
        // A refusal has been taken back by then; the one who asked can read it from a repeat of the call.
        if (!isRefusal(error)) throw error;
      }
      return 'done';
    }),

    [PRINCIPAL_REMOVAL]: handler(async ({ payload }, ctx) => {
      const organizationId = text(payload, 'organizationId');
      await deps.bindings.removePrincipal({ organizationId, principalId: text(payload, 'memberId') }, ctx);
      return 'done';
    }),

    [SEAT_CLOSING]: handler(async ({ key, payload }, ctx) => {
      const organizationId = text(payload, 'organizationId');
      const closing = { organizationId, memberId: text(payload, 'memberId'), closing: key };
      return (await takeBackClosing(deps, closing, ctx)) ? 'done' : { againInMs: SEAT_RETRY_MS };
    }),

    [WORKSPACE_REMOVAL]: handler(async ({ payload }, ctx) => {
      const organizationId = text(payload, 'organizationId');
      const workspace = { organizationId, workspaceId: text(payload, 'workspaceId') };
      return (await removeSomeOfWorkspace(deps, workspace, ctx)) ? { againInMs: 0 } : 'done';
    }),

    [USER_DELETION]: handler(({ key, payload }) =>
      announceDeletion(deps, options, key, text(payload, 'organizationId')),
    ),
  };
}

/**
 * Puts a pending deletion into the queue, and again whenever it has been pending too long. What it decides by is in
 * MongoDB alone, so that nothing is lost with Redis, its data or a job.
 */
async function announceDeletion(
  { deletions, log }: Deps,
  { queue, deletionPendingTooLongMs }: Options,
  deletionId: string,
  organizationId: string,
): ReturnType<OutboxHandler> {
  const deletion = await deletions.find(organizationId, deletionId);
  if (!deletion) throw new Error(`the deletion ${deletionId} was promised and is not there`);
  if (deletion.state === 'COMPLETED') return 'done';
  try {
    await queue.add(jobId(deletion), { deletionId, organizationId, memberId: deletion.memberId });
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    log.debug({ err: error, deletionId }, 'a deletion could not be put into the queue yet');
    return { againInMs: QUEUE_RETRY_MS };
  }
  // After the add: a crash in between adds the same id once more, which the queue ignores.
  await deletions.countAttempt(deletionId);
  if (deletion.attempts > 0)
    log.warn({ deletionId, attempts: deletion.attempts + 1 }, 'a deletion is pending too long');
  return { againInMs: deletionPendingTooLongMs };
}
