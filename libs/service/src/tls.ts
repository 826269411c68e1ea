import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import type { experimental } from '@grpc/grpc-js';

/** Paths of PEM files. */
export interface TlsFiles {
  /** Certificates of the authorities that peers are trusted by; several in one file while one replaces another. */
  readonly ca: string;
  /** This process's certificate, followed by intermediate ones. */
  readonly cert: string;
  /** Its private key. */
  readonly key: string;
}

interface Material {
  readonly ca: Buffer;
  readonly cert: Buffer;
  readonly key: Buffer;
}

const PEM_CERTIFICATES = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;
const REFRESH_MS = 5_000;

/**
 * Certificates that follow their files. Only what TLS can load is passed on: two files are never replaced at one instant, and
 * grpc-js by itself refuses every connection from the moment that it reads a certificate without its key. Existing
 * connections keep theirs; `max_connection_age` ends them.
 */
export class WatchedCertificates implements experimental.CertificateProvider {
  private readonly caListeners = new Set<experimental.CaCertificateUpdateListener>();
  private readonly identityListeners = new Set<experimental.IdentityCertificateUpdateListener>();
  private current: Material;
  private complained = '';
  private timer: NodeJS.Timeout | undefined;
  private reading = false;

  /**
   * @param onBad told once of each new fault of the files, while the old certificates go on
   * @throws Error naming the file that cannot be read, or saying that the files do not fit each other
   */
  constructor(
    private readonly files: TlsFiles,
    private readonly onBad: (error: Error) => void,
    private readonly refreshMs: number = REFRESH_MS,
  ) {
    this.current = { ca: read(files.ca), cert: read(files.cert), key: read(files.key) };
    check(this.current, files);
  }

  addCaCertificateListener(listener: experimental.CaCertificateUpdateListener): void {
    this.caListeners.add(listener);
    this.watch();
    process.nextTick(() => listener({ caCertificate: this.current.ca }));
  }

  removeCaCertificateListener(listener: experimental.CaCertificateUpdateListener): void {
    this.caListeners.delete(listener);
    this.unwatch();
  }

  addIdentityCertificateListener(listener: experimental.IdentityCertificateUpdateListener): void {
    this.identityListeners.add(listener);
    this.watch();
    process.nextTick(() => listener({ certificate: this.current.cert, privateKey: this.current.key }));
  }

  removeIdentityCertificateListener(listener: experimental.IdentityCertificateUpdateListener): void {
    this.identityListeners.delete(listener);
    this.unwatch();
  }

  private watch(): void {
    this.timer ??= setInterval(() => {
      this.refresh().catch((error: unknown) => this.complain(error));
    }, this.refreshMs).unref();
  }

  private unwatch(): void {
    if (this.caListeners.size + this.identityListeners.size > 0) return;
    clearInterval(this.timer);
    this.timer = undefined;
  }

  private async refresh(): Promise<void> {
    if (this.reading) return;
    this.reading = true;
    try {
      const { ca, cert, key } = this.files;
      const [newCa, newCert, newKey] = await Promise.all([readFile(ca), readFile(cert), readFile(key)]);
      const next: Material = { ca: newCa, cert: newCert, key: newKey };
      const old = this.current;
      const newAuthorities = !next.ca.equals(old.ca);
      const newIdentity = !next.cert.equals(old.cert) || !next.key.equals(old.key);
      if (newAuthorities || newIdentity) {
        check(next, this.files);
        this.current = next;
        if (newIdentity)
          for (const tell of this.identityListeners) tell({ certificate: next.cert, privateKey: next.key });
        if (newAuthorities) for (const tell of this.caListeners) tell({ caCertificate: next.ca });
      }
      this.complained = '';
    } finally {
      this.reading = false;
    }
  }

  private complain(error: unknown): void {
    const fault = error instanceof Error ? error : new Error(String(error));
    if (fault.message === this.complained) return;
    this.complained = fault.message;
    this.onBad(fault);
  }
}

function read(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new Error(`the certificate file ${path} cannot be read`, { cause: error });
  }
}

function check({ ca, cert, key }: Material, files: TlsFiles): void {
  try {
    createSecureContext({ ca, cert, key });
    // Node takes authorities that it cannot read for none, and would then trust nobody.
    const authorities = ca.toString('latin1').match(PEM_CERTIFICATES) ?? [];
    if (authorities.length === 0) throw new Error('no authority in it');
    for (const authority of authorities) new X509Certificate(authority);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`${files.cert}, ${files.key} and ${files.ca} cannot be used together: ${why}`, { cause: error });
  }
}
