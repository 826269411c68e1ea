import 'reflect-metadata'; // @peculiar/x509 needs it loaded first
import { webcrypto } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';

x509.cryptoProvider.set(webcrypto);

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** Long enough for a quick start that is left alone for a month, short enough that a leaked key soon is worth nothing. */
const LEAF_DAYS = 30;

/** A certificate authority in memory. */
export interface Authority {
  cert: x509.X509Certificate;
  keys: webcrypto.CryptoKeyPair;
}

/** PEM texts of a certificate and its private key. */
export interface Leaf {
  cert: string;
  key: string;
}

/** Absolute paths of the PEM files that one end of an mTLS connection needs. */
export interface TlsFiles {
  ca: string;
  cert: string;
  key: string;
}

export interface LeafOptions {
  /** Common name; nothing reads it but people. */
  name: string;
  /** The only URI name, "spiffe://latchkey/key"; none if not given. */
  spiffe?: string;
  dns?: string[];
  ip?: string[];
  /** Milliseconds from now until it ends; negative for one that has expired. */
  validForMs?: number;
}

const newKeys = () => webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);

function serialNumber(): string {
  const bytes = webcrypto.getRandomValues(Buffer.alloc(16));
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 1; // positive, and without a leading zero byte
  return bytes.toString('hex');
}

/** A new throw-away authority. Two with the same name still refuse each other's certificates, which is what a rogue one is for. */
export async function createAuthority(name = 'Latchkey throw-away CA'): Promise<Authority> {
  const keys = await newKeys();
  const cert = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: `CN=${name}`,
    keys,
    signingAlgorithm: ALGORITHM,
    notBefore: new Date(Date.now() - HOUR),
    notAfter: new Date(Date.now() + (LEAF_DAYS + 1) * DAY),
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { cert, keys };
}

/** A certificate for both ends of a connection, signed by this authority. */
export async function issueLeaf(authority: Authority, options: LeafOptions): Promise<Leaf> {
  const keys = await newKeys();
  const names: x509.JsonGeneralNames = [
    ...(options.dns ?? []).map((value) => ({ type: 'dns' as const, value })),
    ...(options.ip ?? []).map((value) => ({ type: 'ip' as const, value })),
    ...(options.spiffe === undefined ? [] : [{ type: 'url' as const, value: options.spiffe }]),
  ];
  const validForMs = options.validForMs ?? LEAF_DAYS * DAY;
  const cert = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: `CN=${options.name}`,
    issuer: authority.cert.subject,
    publicKey: keys.publicKey,
    signingKey: authority.keys.privateKey,
    signingAlgorithm: ALGORITHM,
    notBefore: new Date(Date.now() - HOUR + Math.min(validForMs, 0)),
    notAfter: new Date(Date.now() + validForMs),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
      ...(names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names)]),
      await x509.AuthorityKeyIdentifierExtension.create(authority.keys.publicKey),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { cert: `${cert.toString('pem')}\n`, key: await exportKey(keys.privateKey) };
}

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  return `${x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY')}\n`;
}

// Written beside and renamed: a reader sees the old file or the new one, and nobody else can read it at any moment.
function put(path: string, text: string): void {
  const beside = `${path}.${process.pid}.new`;
  writeFileSync(beside, text, { mode: 0o600 });
  renameSync(beside, path);
}

/** Writes `<name>.pem` and `<name>.key`, readable by this user only, beside the `ca.pem` of `dir`. */
export function writeLeaf(dir: string, name: string, leaf: Leaf): TlsFiles {
  put(join(dir, `${name}.key`), leaf.key);
  put(join(dir, `${name}.pem`), leaf.cert);
  return tlsFiles(dir, name);
}

export function tlsFiles(dir: string, name: string): TlsFiles {
  return { ca: join(dir, 'ca.pem'), cert: join(dir, `${name}.pem`), key: join(dir, `${name}.key`) };
}

/** What the files hold, for whoever speaks TLS without gRPC. */
export function readTls({ ca, cert, key }: TlsFiles): { ca: Buffer; cert: Buffer; key: Buffer } {
  return { ca: readFileSync(ca), cert: readFileSync(cert), key: readFileSync(key) };
}

/** A set of certificates in a folder, under one authority. */
export interface Pki {
  /** The authority, for issuing more: a caller with another name, an expired certificate. */
  authority: Authority;
  files(name: string): TlsFiles;
}

/**
 * Makes sure that `dir` holds `ca.pem`, `ca.key`, and per name `<name>.pem` and `<name>.key` with the names `spiffe://latchkey/<name>`, `localhost`,
 * 127.0.0.1, `<name>` and `extraDns`. What is there is kept while it holds all names and lasts for another day; otherwise everything is made anew.
 */
export async function createPki(dir: string, names: string[], extraDns: string[] = []): Promise<Pki> {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const dnsOf = (name: string): string[] => [...new Set(['localhost', name, ...extraDns])];
  let authority = await loadAuthority(dir);
  if (authority === undefined || !names.every((name) => isGood(dir, name, dnsOf(name)))) {
    authority = await createAuthority();
    put(join(dir, 'ca.key'), await exportKey(authority.keys.privateKey));
    put(join(dir, 'ca.pem'), `${authority.cert.toString('pem')}\n`);
    for (const name of names) {
      const options = { name, spiffe: `spiffe://latchkey/${name}`, dns: dnsOf(name), ip: ['127.0.0.1'] };
      writeLeaf(dir, name, await issueLeaf(authority, options));
    }
  }
  return { authority, files: (name) => tlsFiles(dir, name) };
}

async function loadAuthority(dir: string): Promise<Authority | undefined> {
  const files = tlsFiles(dir, 'ca');
  if (!existsSync(files.ca) || !existsSync(files.key)) return undefined;
  const cert = new x509.X509Certificate(readFileSync(files.ca, 'utf8'));
  const der = x509.PemConverter.decode(readFileSync(files.key, 'utf8'))[0];
  if (der === undefined) return undefined;
  const privateKey = await webcrypto.subtle.importKey('pkcs8', der, ALGORITHM, true, ['sign']);
  return { cert, keys: { privateKey, publicKey: await cert.publicKey.export() } };
}

function isGood(dir: string, name: string, dns: string[]): boolean {
  const files = tlsFiles(dir, name);
  if (!existsSync(files.cert) || !existsSync(files.key)) return false;
  const cert = new x509.X509Certificate(readFileSync(files.cert, 'utf8'));
  const held = cert.getExtension(x509.SubjectAlternativeNameExtension)?.names.toJSON() ?? [];
  const lasts = cert.notAfter.getTime() - Date.now() > DAY;
  return lasts && dns.every((value) => held.some((entry) => entry.type === 'dns' && entry.value === value));
}
