// Bodies on their way out.

import type { ByteWriter } from './byte-writer.ts'

/** A piece of a body, as a chunk where it goes in chunks. */
export function writeBody(out: ByteWriter, bytes: Buffer, start: number, end: number, isChunked: boolean): void {
  if (isChunked) {
    out.hexadecimal(end - start)
    out.lineEnd()
  }
  out.put(bytes, start, end)
  if (isChunked) out.lineEnd()
}
