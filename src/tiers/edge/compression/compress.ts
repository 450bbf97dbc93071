// Compression of whole bodies, off the main thread.
//
// An answer is compressed once and given many times, but the first who wants it so is about to ask again: the quality is where
// the curve bends. Measured on Node 26, one thread, source text of 50 KB, times smaller and MB/s:
//
//     br 5  4.41  60    br 6  4.48  53    br 7  4.52  39    br 9  4.55   5    br 11  4.96   1
//     zstd 3  3.91  225    zstd 9  4.36  62    zstd 12  4.42  23    zstd 19  4.59   4    gzip 6  4.33  53    gzip 9  4.35  25

import { promisify } from 'node:util'
import { brotliCompress, constants, gzip, zstdCompress } from 'node:zlib'
import { TenfoldError } from '../../../base/errors.ts'
import { Semaphore } from '../../../base/limits.ts'
import type { Encoding } from './accept-encoding.ts'

const qualities: Record<Encoding, number> = { br: 6, zstd: 9, gzip: 6 }

/** Of libuv's four threads, which files need too. */
const atOnceMax = 2
const waitersMax = 64
const bytesUnderWayMax = 64 * 2 ** 20

const turns = new Semaphore(atOnceMax, waitersMax)
let bytesUnderWay = 0

const run: Record<Encoding, (body: Buffer) => Promise<Buffer>> = {
  br: (body) =>
    promisify(brotliCompress)(body, {
      params: {
        [constants.BROTLI_PARAM_QUALITY]: qualities.br,
        [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT,
        [constants.BROTLI_PARAM_SIZE_HINT]: body.length,
      },
    }),
  zstd: (body) =>
    promisify(zstdCompress)(body, {
      pledgedSrcSize: body.length,
      params: { [constants.ZSTD_c_compressionLevel]: qualities.zstd },
    }),
  gzip: (body) => promisify(gzip)(body, { level: qualities.gzip }),
}

/**
 * The body in that encoding, in a buffer of its own. The body must not change meanwhile. Rejects with `overloaded` when too much
 * is under way: the answer goes out as it is then, and the next request may try again. May be called at once.
 */
export async function compress(body: Buffer, encoding: Encoding): Promise<Buffer> {
  if (bytesUnderWay + body.length > bytesUnderWayMax)
    throw new TenfoldError(
      'overloaded',
      `${bytesUnderWay} bytes are being compressed, the limit is ${bytesUnderWayMax}`,
    )
  bytesUnderWay += body.length
  try {
    return await turns.run(() => run[encoding](body))
  } finally {
    bytesUnderWay -= body.length
  }
}

/** A variant that saves less is not worth its memory. */
const savedShareMin = 0.1

export function isWorthKeeping(bytesBefore: number, bytesAfter: number): boolean {
  return bytesAfter <= bytesBefore * (1 - savedShareMin)
}
