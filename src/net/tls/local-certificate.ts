// A certificate that nobody has signed, so that TLS works on the first start and on one's own machine. Browsers warn of it;
// whoever serves others puts a real one beside it, named `default` or after its host.

import { randomUUID, X509Certificate } from 'node:crypto'
import { link, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Apple's limit for certificates that a person trusts by hand is 825 days; public ones last 398. */
const lifetimeMs = 397 * 24 * 3_600_000
const renewBeforeMs = 30 * 24 * 3_600_000
const fileName = 'local.pem'

/**
 * Makes `local.pem` where the directory has no certificate at all, and makes it anew before it expires. Several processes may
 * do so at once: one certificate remains. The answer is its path, or undefined where others do the work.
 */
export async function ensureLocalCertificate(
  directory: string,
  { hosts = [] }: { hosts?: readonly string[] } = {},
): Promise<string | undefined> {
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const path = join(directory, fileName)
  const files = await readdir(directory)
  const isThere = files.includes(fileName)
  if (!isThere && files.some((file) => /\.(crt|pem)$/.test(file))) return undefined
  if (isThere && !(await expiresSoon(path))) return path
  const temporary = join(directory, `.${fileName}.${randomUUID()}`)
  await writeFile(temporary, await makeCertificate(['localhost', ...hosts]), { mode: 0o600 })
  try {
    if (isThere) await rename(temporary, path)
    else await link(temporary, path) // fails when another process was faster
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    await rm(temporary, { force: true })
  }
  return path
}

async function expiresSoon(path: string): Promise<boolean> {
  try {
    const { validTo } = new X509Certificate(await readFile(path))
    return new Date(validTo).getTime() - Date.now() < renewBeforeMs
  } catch {
    return true
  }
}

/** Certificate and key in one text. The first host is also its name; each is in it, with the addresses of this machine. */
export async function makeCertificate(hosts: readonly string[]): Promise<string> {
  // Loaded for this only: it wants the metadata of decorators, which it would put into every process otherwise.
  await import('reflect-metadata')
  const x509 = await import('@peculiar/x509')
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const names = hosts.map((value) => ({ type: 'dns' as const, value }))
  const addresses = ['127.0.0.1', '::1'].map((value) => ({ type: 'ip' as const, value }))
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${hosts[0]}`,
    notBefore: new Date(Date.now() - 3_600_000), // clocks differ
    notAfter: new Date(Date.now() + lifetimeMs),
    keys,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.SubjectAlternativeNameExtension([...names, ...addresses]),
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
    ],
  })
  const key = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64')
  const keyLines = key.match(/.{1,64}/g) ?? []
  return [
    certificate.toString('pem'),
    '-----BEGIN PRIVATE KEY-----',
    ...keyLines,
    '-----END PRIVATE KEY-----',
    '',
  ].join('\n')
}
