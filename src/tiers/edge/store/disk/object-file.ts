// The form of a file that holds one answer.
//
//     body | CRC-32 of each 64 KiB of it | head, JSON | footer of 32 bytes
//
// The head comes last because it is known last: a body streams to disk while it comes from the server, and a head that a 304
// renews is written over the old one without touching the body. The footer says where the parts are and carries a checksum of
// all that is not body; a file that was cut anywhere has no right one. Blocks have checksums of their own so that a part of a
// large body can be read and checked without the rest. CRC-32 finds what a disk or a crash did; it is no defence against people.

import { crc32 } from 'node:zlib'
import type { KeptHead } from '../contract.ts'

export const blockBytes = 64 * 1024
export const footerBytes = 32
/** A head is JSON of a few fields; what claims to be longer is none. */
const headBytesMax = 1024 * 1024

/** The last digit is the version of the form: files of another one are thrown away. */
const magic = Buffer.from('TENFOLD1', 'latin1')

/** Checksums of the blocks of a body that comes in pieces. */
export class BlockChecksums {
  #sums: number[] = []
  #current = 0
  #inBlock = 0

  add(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; ) {
      const end = Math.min(bytes.length, at + blockBytes - this.#inBlock)
      this.#current = crc32(bytes.subarray(at, end), this.#current)
      this.#inBlock += end - at
      at = end
      if (this.#inBlock === blockBytes) this.#endBlock()
    }
  }

  finish(): Uint32Array {
    if (this.#inBlock > 0) this.#endBlock()
    return Uint32Array.from(this.#sums)
  }

  #endBlock(): void {
    this.#sums.push(this.#current)
    this.#current = 0
    this.#inBlock = 0
  }
}

/** Whether these bytes, which begin at a block, are those that were written. */
export function areWhole(bytes: Buffer, firstBlock: number, checksums: Uint32Array): boolean {
  for (let at = 0, block = firstBlock; at < bytes.length; at += blockBytes, block++)
    if (crc32(bytes.subarray(at, at + blockBytes)) !== checksums[block]) return false
  return true
}

/** What stands behind the body. `headRoom`: the head takes at least that much, so that the file does not get shorter. */
export function encodeTail(head: KeptHead, checksums: Uint32Array, headRoom = 0): { tail: Buffer; headBytes: number } {
  const json = Buffer.from(JSON.stringify(head))
  const headBytes = Math.max(json.length, headRoom)
  const sumsBytes = checksums.length * 4
  const tail = Buffer.alloc(sumsBytes + headBytes + footerBytes, ' ')
  for (let i = 0; i < checksums.length; i++) tail.writeUInt32LE(checksums[i] as number, i * 4)
  json.copy(tail, sumsBytes)
  const footer = tail.subarray(sumsBytes + headBytes)
  magic.copy(footer)
  footer.writeUIntLE(head.bytes, 8, 6)
  footer.writeUIntLE(headBytes, 14, 6)
  footer.writeBigUInt64LE(0n, 20)
  footer.writeUInt32LE(crc32(tail.subarray(0, tail.length - 4)), 28)
  return { tail, headBytes }
}

/** How long the tail of a file is that ends with these bytes, or undefined when it is no file of ours. */
export function tailBytesOf(end: Buffer, fileBytes: number): number | undefined {
  if (end.length < footerBytes) return undefined
  const footer = end.subarray(end.length - footerBytes)
  if (!footer.subarray(0, magic.length).equals(magic)) return undefined
  const bodyBytes = footer.readUIntLE(8, 6)
  const headBytes = footer.readUIntLE(14, 6)
  const tailBytes = Math.ceil(bodyBytes / blockBytes) * 4 + headBytes + footerBytes
  return headBytes <= headBytesMax && bodyBytes + tailBytes === fileBytes ? tailBytes : undefined
}

/** Undefined when it is not what was written. */
export function decodeTail(tail: Buffer): { head: KeptHead; checksums: Uint32Array; headBytes: number } | undefined {
  if (crc32(tail.subarray(0, tail.length - 4)) !== tail.readUInt32LE(tail.length - 4)) return undefined
  const footer = tail.subarray(tail.length - footerBytes)
  const headBytes = footer.readUIntLE(14, 6)
  const sumsBytes = tail.length - headBytes - footerBytes
  const checksums = Uint32Array.from({ length: sumsBytes / 4 }, (_, i) => tail.readUInt32LE(i * 4))
  const head = JSON.parse(tail.toString('utf8', sumsBytes, sumsBytes + headBytes)) as KeptHead
  return { head, checksums, headBytes }
}
