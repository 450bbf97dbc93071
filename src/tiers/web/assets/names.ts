// Names that hold a hash of the content: `fonts/sans.woff2` is deployed as `fonts/sans.3f2a1c9b.woff2`. Whoever has such an
// address may keep what is there for ever.

import { createHash } from 'node:crypto'

/** Eight hexadecimal digits: versions of one name are told apart by them, and nothing else. */
const hashDigits = 8

export function versionedName(name: string, content: Buffer): string {
  const hash = createHash('sha256').update(content).digest('hex').slice(0, hashDigits)
  const dot = name.lastIndexOf('.')
  return dot > name.lastIndexOf('/') + 1 ? `${name.slice(0, dot)}.${hash}${name.slice(dot)}` : `${name}.${hash}`
}

/** Whether it may be one; only the store knows whether it is. */
export function isVersionedName(name: string): boolean {
  return /\.[0-9a-f]{8}(\.[^./]+)?$/.test(name)
}

/** As it stands in an address; the slashes stay. */
export function pathOfName(name: string): string {
  return name.split('/').map(encodeURIComponent).join('/')
}
