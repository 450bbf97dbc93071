// Answers for tests of the store.

import assert from 'node:assert/strict'
import type { Kept, KeptHead, PurgeMark, Store, StoreBounds } from '../contract.ts'

export const roomyBounds: StoreBounds = {
  memoryBytesMax: 64 * 2 ** 20,
  diskBytesMax: 0,
  objectBytesMax: 4 * 2 ** 20,
  objectsMax: 10_000,
  admission: 'first',
}

export function keyTo(path: string): string {
  return `GET https://photos.test${path}`
}

export function headOf(key: string, bytes: number, overrides: Partial<KeptHead> = {}): KeptHead {
  return {
    key,
    selectedBy: [],
    status: 200,
    fields: [
      ['content-type', 'text/plain'],
      ['cache-control', 'max-age=60'],
    ],
    bytes,
    tags: [],
    bornMs: 0,
    freshMs: 60_000,
    staleWhileRevalidateMs: 0,
    staleIfErrorMs: 0,
    mustRevalidate: false,
    needsValidation: false,
    ...overrides,
  }
}

/** In pieces, as answers come. Undefined when it is not kept. */
export function tryKeep(
  store: Store,
  key: string,
  body: Buffer | string,
  overrides: Partial<KeptHead> = {},
  asked?: PurgeMark,
): Kept | undefined {
  const bytes = Buffer.from(body)
  const writer = store.begin(key, bytes.length % 2 ? -1 : bytes.length, asked)
  const middle = bytes.length >> 1
  if (!writer?.write(bytes, 0, middle) || !writer.write(bytes, middle, bytes.length)) return undefined
  return writer.commit(headOf(key, bytes.length, overrides))
}

export function keep(store: Store, key: string, body: Buffer | string, overrides: Partial<KeptHead> = {}): Kept {
  const kept = tryKeep(store, key, body, overrides)
  assert.ok(kept, `${key} was not kept`)
  return kept
}

/** Bodies under a key, newest first. */
export async function bodiesOf(store: Store, key: string): Promise<string[]> {
  return Promise.all([...store.find(key)].map(async (kept) => String(kept.body ?? (await store.read(kept)))))
}
