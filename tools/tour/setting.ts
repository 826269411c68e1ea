import type { Api, As } from '@latchkey/testing';
import type { Narrator } from './narrator';

/** What the tour has made so far, and how it asks. */
export interface Tour {
  api: Api;
  tell: Narrator;
  organizationId: string;
  production: string;
  staging: string;
  annotatorRoleId: string;
  people: Record<'admin' | 'viewer' | 'editor' | 'annotator', Person>;
}

export interface Person {
  as: As;
  userId: string;
  memberId: string;
  /** The secret of the person's token; empty until step 4. */
  token: string;
  tokenId: string;
}

/** All that the custom role of step 3 allows. */
export const ANNOTATOR = ['annotation-queues:read', 'annotation-queues:update', 'feedback:create'];

/** A secret as the tour shows it: enough to tell which, not enough to use. */
export const masked = (secret: string): string => `${secret.slice(0, 7)}…${secret.slice(-4)}`;
