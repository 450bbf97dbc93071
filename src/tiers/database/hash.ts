// The hash by which PostgreSQL places a row in a hash partition, so that the router finds the leaf without asking.
//
// Source: PostgreSQL 18, src/common/hashfn.c (Bob Jenkins, lookup3, 2006), src/backend/partitioning/partbounds.c,
// compute_partition_hash_value: hash_combine64(0, hashXextended(value, seed)) mod 64.
// Worked example: hashint8extended(1, seed) = 5968994663651403477, its low word is 0x8124e6d5; plus the low word
// of the combining constant, 0x15e5a8e3: 0x970a8fb8, whose last six bits are 56: slot 56.
//
// 64 divides 2^32, so the low word decides and all arithmetic stays in 32 bits.

import { TenfoldError } from '../../base/errors.ts'

export const slotCount = 64

/** How a sharding column is hashed: all integer types as int8, all text types as text. */
export type KeyKind = 'int8' | 'text'

const seedHigh = 0x7a5b2236
const seedLow = 0x7996dcfd
const combineLow = 0x15e5a8e3
const golden = 0x9e3779b9
const lengthSalt = 3923095

/** The slot of an integer key. @throws bad-input unless it is a whole number that an int8 column can hold. */
export function slotOfInteger(key: number | bigint | string): number {
  if (typeof key === 'number') {
    if (!Number.isSafeInteger(key)) refuseKey(key, 'a number is exact only up to 2^53; pass a bigint or a string')
    return slotOfWords(Math.floor(key / 0x1_0000_0000) | 0, key | 0)
  }
  if (typeof key === 'bigint') return slotOfBigint(key)
  if (!/^-?\d{1,19}$/.test(key)) refuseKey(key, 'the tables are sharded by an integer column')
  return key.length <= 15 ? slotOfInteger(Number(key)) : slotOfBigint(BigInt(key))
}

/** The slot of a text key: the hash of its UTF-8 bytes. */
export function slotOfText(key: string): number {
  const size = key.length
  if (size > asciiBytes.length) return slotOfBytes(Buffer.from(key, 'utf8'))
  for (let i = 0; i < size; i++) {
    const code = key.charCodeAt(i)
    if (code > 127) return slotOfBytes(Buffer.from(key, 'utf8'))
    asciiBytes[i] = code
  }
  return slotOfBytes(asciiBytes, size)
}

/** Reused by every call: hashing is synchronous and keeps nothing. */
const asciiBytes: Uint8Array = new Uint8Array(256)

function slotOfBigint(key: bigint): number {
  if (BigInt.asIntN(64, key) !== key) refuseKey(key, 'an int8 column holds -2^63 to 2^63-1')
  return slotOfWords(Number(key >> 32n) | 0, Number(BigInt.asIntN(32, key)))
}

// hashint8extended folds the high word into the low one, so that int2, int4 and int8 hash alike.
function slotOfWords(high: number, low: number): number {
  start(4)
  a = (a + (low ^ (high >= 0 ? high : ~high))) | 0
  return finish()
}

function slotOfBytes(bytes: Uint8Array, size = bytes.length): number {
  start(size)
  let at = 0
  for (; size - at >= 12; at += 12) {
    a = (a + word(bytes, at, size)) | 0
    b = (b + word(bytes, at + 4, size)) | 0
    c = (c + word(bytes, at + 8, size)) | 0
    mix()
  }
  a = (a + word(bytes, at, size)) | 0
  b = (b + word(bytes, at + 4, size)) | 0
  c = (c + (word(bytes, at + 8, size) << 8)) | 0 // the lowest byte of c is reserved for the length
  return finish()
}

/** Four bytes, least significant first; those past the end count as zero. */
function word(bytes: Uint8Array, at: number, size: number): number {
  const left = size - at
  if (left <= 0) return 0
  let value = bytes[at] as number
  if (left > 1) value |= (bytes[at + 1] as number) << 8
  if (left > 2) value |= (bytes[at + 2] as number) << 16
  if (left > 3) value |= (bytes[at + 3] as number) << 24
  return value
}

// The three registers of the hash that is under way; each call starts them anew.
let a = 0
let b = 0
let c = 0

function start(size: number): void {
  const initial = (golden + size + lengthSalt) | 0
  a = (initial + seedHigh) | 0
  b = (initial + seedLow) | 0
  c = initial
  mix()
}

function mix(): void {
  a = (a - c) ^ ((c << 4) | (c >>> 28))
  c = (c + b) | 0
  b = (b - a) ^ ((a << 6) | (a >>> 26))
  a = (a + c) | 0
  c = (c - b) ^ ((b << 8) | (b >>> 24))
  b = (b + a) | 0
  a = (a - c) ^ ((c << 16) | (c >>> 16))
  c = (c + b) | 0
  b = (b - a) ^ ((a << 19) | (a >>> 13))
  a = (a + c) | 0
  c = (c - b) ^ ((b << 4) | (b >>> 28))
  b = (b + a) | 0
}

function finish(): number {
  c = ((c ^ b) - ((b << 14) | (b >>> 18))) | 0
  a = ((a ^ c) - ((c << 11) | (c >>> 21))) | 0
  b = ((b ^ a) - ((a << 25) | (a >>> 7))) | 0
  c = ((c ^ b) - ((b << 16) | (b >>> 16))) | 0
  a = ((a ^ c) - ((c << 4) | (c >>> 28))) | 0
  b = ((b ^ a) - ((a << 14) | (a >>> 18))) | 0
  c = ((c ^ b) - ((b << 24) | (b >>> 8))) | 0
  return (c + combineLow) & (slotCount - 1)
}

function refuseKey(key: unknown, why: string): never {
  const shown = String(key).slice(0, 80)
  throw new TenfoldError('bad-input', `${typeof key} ${JSON.stringify(shown)} cannot be a sharding key: ${why}`)
}
