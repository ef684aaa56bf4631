import { createPrivateKey, X509Certificate } from "node:crypto";

/** A TLS certificate chain and its key, as PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** Paths of a certificate and its key. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
}

/**
 * Reads both files and checks that they belong together.
 *
 * @throws {Error} If the files cannot be used; the message reveals nothing about the key.
 */
export function readCertificate(files: TlsFiles): Certificate {
  const cert = readFile("certificate", files.cert);
  const key = readFile("private key", files.key);
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(cert);
  } catch (cause) {
    throw new Error(`${files.cert} contains no certificate in PEM format`, { cause });
  }
  let isPair: boolean;
  try {
    isPair = certificate.checkPrivateKey(createPrivateKey(key));
  } catch (cause) {
    throw new Error(`${files.key} contains no unencrypted private key in PEM format`, { cause });
  }
  if (!isPair) {
    throw new Error(`The key in ${files.key} is not that of the certificate ${files.cert}`);
  }
  return { cert, key };
}

function readFile(description: string, path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.name : "unknown";
    throw new Error(`The ${description} ${path} cannot be read (${reason})`, { cause });
  }
}
