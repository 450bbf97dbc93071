// Small whole objects in a store: read into memory with a bound, as text, as JSON, or not there.

import { isTenfoldError, TenfoldError } from '../../../base/errors.ts'
import type { BackupStore } from './contract.ts'

/** Above the largest that is read whole: a segment of the log, and the manifest of a backup with a million files. */
const wholeBytesMax = 256 * 1024 * 1024

/** @throws not-found, too-large */
export async function readWhole(store: BackupStore, name: string): Promise<Buffer> {
  const pieces: Buffer[] = []
  let bytes = 0
  for await (const piece of (await store.get(name)) as AsyncIterable<Buffer>) {
    bytes += piece.length
    if (bytes > wholeBytesMax) throw new TenfoldError('too-large', `${name} in ${store.place} is too large to be read`)
    pieces.push(piece)
  }
  return Buffer.concat(pieces)
}

/** Undefined when there is none. @throws unavailable when it is there and is no JSON. */
export async function readJsonIfAny<Value>(store: BackupStore, name: string): Promise<Value | undefined> {
  const content = await readWhole(store, name).catch((error: unknown) => {
    if (isTenfoldError(error, 'not-found')) return undefined
    throw error
  })
  if (!content) return undefined
  try {
    return JSON.parse(content.toString('utf8')) as Value
  } catch (cause) {
    throw new TenfoldError('unavailable', `${name} in ${store.place} is damaged`, { cause })
  }
}

export async function writeJson(store: BackupStore, name: string, value: unknown): Promise<void> {
  await store.put(name, Buffer.from(`${JSON.stringify(value, null, 1)}\n`))
}
