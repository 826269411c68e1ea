import { readFileSync, statSync } from 'node:fs';
import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { createAuthority, createPki, issueLeaf, writeLeaf } from '../src';
import { scratchFolder } from './scratch';

const dir = scratchFolder();
const certificate = (path: string) => new X509Certificate(readFileSync(path));

test('callers-have-names: each certificate names its service, its hosts, and lasts about a month', async () => {
  const pki = await createPki(join(dir, 'names'), ['key', 'ops'], ['key-service']);
  const files = pki.files('key');
  const leaf = certificate(files.cert);
  expect(leaf.subjectAltName?.split(', ').sort()).toEqual(
    ['DNS:key', 'DNS:key-service', 'DNS:localhost', 'IP Address:127.0.0.1', 'URI:spiffe://latchkey/key'].sort(),
  );
  expect(leaf.verify(certificate(files.ca).publicKey)).toBe(true);
  const days = (Date.parse(leaf.validTo) - Date.now()) / 86_400_000;
  expect(days).toBeGreaterThan(29);
  expect(days).toBeLessThan(31);
});

test('keys-are-private: nobody but the user can read a private key', async () => {
  const pki = await createPki(join(dir, 'private'), ['ops']);
  expect(statSync(pki.files('ops').key).mode & 0o777).toBe(0o600);
});

test('certificates-are-kept: a second start uses the same ones, more names or a near end make new ones', async () => {
  const folder = join(dir, 'kept');
  const cert = async (names: string[]) => readFileSync((await createPki(folder, names)).files('ops').cert, 'utf8');
  const first = await cert(['ops']);
  expect(await cert(['ops'])).toBe(first);
  const second = await cert(['ops', 'key']);
  expect(second).not.toBe(first);
  const { authority } = await createPki(folder, ['ops', 'key']);
  writeLeaf(
    folder,
    'ops',
    await issueLeaf(authority, { name: 'ops', dns: ['localhost', 'ops'], validForMs: 3_600_000 }),
  );
  const pki = await createPki(folder, ['ops', 'key']);
  expect(Date.parse(certificate(pki.files('ops').cert).validTo) - Date.now()).toBeGreaterThan(86_400_000);
});

test('bad-certificates-can-be-made: from a rogue authority of the same name, expired, and without a name', async () => {
  const pki = await createPki(join(dir, 'bad'), ['ops']);
  const ca = certificate(pki.files('ops').ca);
  const rogue = new X509Certificate(
    (await issueLeaf(await createAuthority(), { name: 'ops', spiffe: 'spiffe://latchkey/ops' })).cert,
  );
  expect(rogue.issuer).toBe(ca.subject);
  expect(rogue.verify(ca.publicKey)).toBe(false);
  const expired = new X509Certificate((await issueLeaf(pki.authority, { name: 'ops', validForMs: -1_000 })).cert);
  expect(expired.verify(ca.publicKey)).toBe(true);
  expect(Date.parse(expired.validTo)).toBeLessThan(Date.now());
  expect(new X509Certificate((await issueLeaf(pki.authority, { name: 'ops' })).cert).subjectAltName).toBeUndefined();
});
