// The certificates that lie in a directory: `name.crt` with `name.key`, or both in `name.pem`. Other files are left alone.

import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { TenfoldError } from '../../base/errors.ts'
import type { CertificatePems } from './certificate.ts'

/** Pairs in one directory; more are an error, not a choice of ours. */
const pairsMax = 1_000
/** Of one file: a chain is some kilobytes. */
const fileBytesMax = 256 * 1024

export interface CertificateFiles {
  certFile: string
  keyFile: string
  /** Changes when one of them does. */
  stamp: string
}

/** @throws bad-input when there are too many; what the file system says when the directory cannot be read. */
export async function findCertificateFiles(directory: string): Promise<Map<string, CertificateFiles>> {
  const files = new Set(await readdir(directory))
  const found = new Map<string, CertificateFiles>()
  for (const file of files) {
    const [, name, ending] = /^(.+)\.(crt|pem)$/.exec(file) ?? []
    if (name === undefined || found.has(name)) continue
    if (found.size >= pairsMax)
      throw new TenfoldError('bad-input', `there are more than ${pairsMax} certificates in ${directory}`)
    const certFile = join(directory, file)
    const keyFile = ending === 'crt' ? join(directory, `${name}.key`) : certFile
    const stamps = await Promise.all([stampOf(certFile), stampOf(keyFile)])
    found.set(name, { certFile, keyFile, stamp: stamps.join(' ') })
  }
  return found
}

/** @throws what the file system says; bad-input for a file that is no certificate by its size. */
export async function readCertificateFiles({ certFile, keyFile }: CertificateFiles): Promise<CertificatePems> {
  const [cert, key] = await Promise.all([readBounded(certFile), readBounded(keyFile)])
  return { cert, key }
}

async function readBounded(file: string): Promise<string> {
  const { size } = await stat(file)
  if (size > fileBytesMax) throw new TenfoldError('bad-input', `${file} is larger than ${fileBytesMax} bytes`)
  return readFile(file, 'utf8')
}

/** Links are followed: a mounted secret is changed by turning a link. */
async function stampOf(file: string): Promise<string> {
  try {
    const { ino, size, mtimeMs } = await stat(file)
    return `${ino}.${size}.${mtimeMs}`
  } catch {
    return 'missing'
  }
}
