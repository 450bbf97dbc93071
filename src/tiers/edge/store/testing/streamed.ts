// Bodies that come in pieces, as a fetch brings them.

import type { Kept, KeptHead, KeptWriter, Store } from '../contract.ts'
import { headOf } from './answers.ts'

const pieceBytes = 60_000

/** A body whose blocks on disk are all different, and different for each seed. */
export function patterned(length: number, seed = 0): Buffer {
  // Of a prime length, so that it begins elsewhere in each block.
  const pattern = Buffer.alloc(4099)
  for (let i = 0; i < pattern.length; i++) pattern[i] = Math.imul(i + seed, 2_654_435_761) >>> 24
  return Buffer.alloc(length, pattern)
}

/** Waits for the disk where that is slow. Undefined when the answer is not kept. */
export async function stream(
  store: Store,
  key: string,
  body: Buffer,
  { expected = body.length, ...overrides }: Partial<KeptHead> & { expected?: number } = {},
): Promise<Kept | undefined> {
  const writer = store.begin(key, expected)
  if (!writer || !(await writeFrom(writer, body, 0))) return undefined
  return writer.commit(headOf(key, body.length, overrides))
}

/** The body from there on. False when it is not kept. */
export async function writeFrom(writer: KeptWriter, body: Buffer, from: number): Promise<boolean> {
  for (let at = from; at < body.length; at += pieceBytes) {
    if (!writer.write(body, at, Math.min(body.length, at + pieceBytes))) return false
    if (!writer.isBackedUp) continue
    await new Promise<void>((resolve) => {
      writer.onDrain = resolve
    })
  }
  return true
}
