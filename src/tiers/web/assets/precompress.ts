// Assets are compressed once, when they are deployed, as small as each coding can: nobody waits for it at a request.

import { promisify } from 'node:util'
import { brotliCompress, constants, gzip, zstdCompress } from 'node:zlib'

export type Coding = 'br' | 'zstd' | 'gzip'

/** In the order in which equally small ones are preferred. */
export const codings: readonly Coding[] = ['br', 'zstd', 'gzip']

/** Content that is not compressed already. */
const compressible = /\.(css|js|mjs|html|htm|svg|json|map|txt|xml|wasm|ico|ttf|otf|eot|webmanifest|md|csv)$/i
/** Saves less than this: sent as it is. */
const bytesSavedMin = 64
/** The highest levels take about a second per megabyte; beyond this size it is the level below. */
const bytesAtHighestLevelMax = 1024 * 1024
const bytesMax = 32 * 1024 * 1024

const compress: Readonly<Record<Coding, (content: Buffer) => Promise<Buffer>>> = {
  br: (content) =>
    promisify(brotliCompress)(content, {
      params: {
        [constants.BROTLI_PARAM_QUALITY]: content.length > bytesAtHighestLevelMax ? 9 : constants.BROTLI_MAX_QUALITY,
        [constants.BROTLI_PARAM_SIZE_HINT]: content.length,
      },
    }),
  zstd: (content) =>
    promisify(zstdCompress)(content, {
      params: { [constants.ZSTD_c_compressionLevel]: content.length > bytesAtHighestLevelMax ? 12 : 19 },
    }),
  gzip: (content) => promisify(gzip)(content, { level: 9 }),
}

/** Those that make it smaller. */
export async function precompress(name: string, content: Buffer): Promise<ReadonlyMap<Coding, Buffer>> {
  const smaller = new Map<Coding, Buffer>()
  if (!compressible.test(name) || content.length > bytesMax) return smaller
  for (const coding of codings) {
    const compressed = await compress[coding](content)
    if (compressed.length <= content.length - bytesSavedMin) smaller.set(coding, compressed)
  }
  return smaller
}
