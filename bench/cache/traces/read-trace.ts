// Traces as their publishers wrote them, read into numbers 0, 1, 2… in the order in which keys first came.

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync, zstdDecompressSync } from 'node:zlib'

const bytesMax = 1 << 30
const requestsMax = 6_000_000

export interface Trace {
  requests: Int32Array
  keys: number
}

export type TraceFormat = 'arc' | 'lines' | 'int32' | 'int64' | 'oracle-general'

export function readTrace(dir: string, file: string, format: TraceFormat): Trace {
  return numbered(readers[format](unpack(join(dir, file))))
}

function unpack(path: string): Buffer {
  if (path.endsWith('.xz')) return execFileSync('xz', ['-dc', path], { maxBuffer: bytesMax })
  const packed = readFileSync(path)
  if (path.endsWith('.gz')) return gunzipSync(packed)
  return path.endsWith('.zst') ? zstdDecompressSync(packed) : packed
}

export function numbered(keys: Iterable<number | bigint>): Trace {
  const numbers = new Map<number | bigint, number>()
  const requests = new Int32Array(requestsMax)
  let count = 0
  for (const key of keys) {
    if (count === requestsMax) break
    let number = numbers.get(key)
    if (number === undefined) {
      number = numbers.size
      numbers.set(key, number)
    }
    requests[count++] = number
  }
  return { requests: requests.slice(0, count), keys: numbers.size }
}

const readers: Record<TraceFormat, (bytes: Buffer) => Iterable<number | bigint>> = {
  // First block, number of blocks, two fields that say nothing here.
  *arc(bytes) {
    for (const line of bytes.toString('latin1').split('\n')) {
      const [first, blocks] = line.split(' ', 2)
      for (let i = 0; i < Number(blocks ?? 0); i++) yield Number(first) + i
    }
  },
  *lines(bytes) {
    for (const line of bytes.toString('latin1').split('\n')) {
      const text = line.trim()
      if (text !== '' && text !== '*') yield Number(text)
    }
  },
  *int32(bytes) {
    for (let at = 0; at + 4 <= bytes.length; at += 4) yield bytes.readUInt32BE(at)
  },
  *int64(bytes) {
    for (let at = 0; at + 8 <= bytes.length; at += 8) yield bytes.readBigUInt64BE(at)
  },
  // libCacheSim: time 4, key 8, size 4, next use 8, little-endian.
  *'oracle-general'(bytes) {
    for (let at = 0; at + 24 <= bytes.length; at += 24) yield bytes.readBigUInt64LE(at + 4)
  },
}
