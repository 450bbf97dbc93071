// The manifest of a base backup: which files it has, and their checksums. What arrived is compared with it.
// Source: PostgreSQL manual, 78 Backup Manifest Format. The last line holds the checksum of all lines before it.

import { createHash } from 'node:crypto'
import { TenfoldError } from '../../base/errors.ts'
import type { WrittenFile } from './backup-writer.ts'

interface Manifest {
  Files: Array<{ Path?: string; 'Encoded-Path'?: string; Size: number; Checksum?: string }>
  'Manifest-Checksum': string
}

/** @throws program-failed naming the first file that is missing or differs, or when the manifest itself is not whole. */
export function verifyManifest(text: string, written: ReadonlyMap<string, WrittenFile>): void {
  const manifest = parseManifest(text)
  for (const file of manifest.Files) {
    const path = file.Path ?? Buffer.from(file['Encoded-Path'] ?? '', 'hex').toString('utf8')
    const found = written.get(path)
    if (!found) throw damaged(`${path} did not arrive`)
    if (found.sizeBytes !== file.Size) throw damaged(`${path} has ${found.sizeBytes} bytes in place of ${file.Size}`)
    if (file.Checksum !== undefined && file.Checksum !== found.sha256) throw damaged(`${path} changed on the way`)
  }
}

function parseManifest(text: string): Manifest {
  const lastLineAt = text.lastIndexOf('\n', text.length - 2) + 1
  try {
    const manifest = JSON.parse(text) as Manifest
    const checksum = createHash('sha256').update(text.slice(0, lastLineAt)).digest('hex')
    if (manifest['Manifest-Checksum'] === checksum && Array.isArray(manifest.Files)) return manifest
  } catch (error) {
    throw damaged('its manifest is not whole', error)
  }
  throw damaged('the checksum of its manifest does not hold')
}

function damaged(what: string, cause?: unknown): TenfoldError {
  return new TenfoldError('program-failed', `the base backup is not usable: ${what}`, { cause })
}
