// Certificates for tests, made for the occasion in a directory that goes away.

import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { makeCertificate } from '../local-certificate.ts'

export async function makeDirectory(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'tenfold-tls-'))
  t.after(() => rm(directory, { recursive: true, force: true }))
  return directory
}

/** `name.pem`, put there in one step. */
export async function putPem(directory: string, name: string, hosts: readonly string[]): Promise<void> {
  const temporary = join(directory, `.${name}.new`)
  await writeFile(temporary, await makeCertificate(hosts))
  await rename(temporary, join(directory, `${name}.pem`))
}

/** Certificate and key of a new pair, apart. */
export async function makePair(hosts: readonly string[]): Promise<{ crt: string; key: string }> {
  const text = await makeCertificate(hosts)
  const keyAt = text.indexOf('-----BEGIN PRIVATE KEY-----')
  return { crt: text.slice(0, keyAt), key: text.slice(keyAt) }
}
