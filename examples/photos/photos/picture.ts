// Pictures, by sharp. It keeps to one thread and no cache, so that thumbnails never starve the requests of the same machine.

import { createHash } from 'node:crypto'
import sharp from 'sharp'
import { TenfoldError } from 'tenfold'

sharp.concurrency(1)
sharp.cache(false)

const pixelsMax = 50_000_000
const decodeTimeoutSeconds = 20
const smallPx = 256
const largePx = 1024

export interface Thumbnails {
  small: Buffer
  large: Buffer
  width: number
  height: number
  /** Changes when the bytes do: part of the thumbnails' address, so that they can be cached for ever. */
  version: string
}

/**
 * Looks at the first bytes and decodes the header. The client's word for it (Content-Type) counts for nothing.
 * @throws bad-input when it is no JPEG or PNG, or too many pixels.
 */
export async function checkPicture(bytes: Buffer): Promise<'image/jpeg' | 'image/png'> {
  const type = typeOf(bytes)
  if (!type) throw new TenfoldError('bad-input', `these ${bytes.length} bytes are no picture: expected a JPEG or a PNG`)
  const header = await sharp(bytes, { limitInputPixels: false })
    .metadata()
    .catch((cause: unknown) => {
      throw new TenfoldError('bad-input', 'this picture is damaged: its header cannot be read', { cause })
    })
  if (header.width * header.height > pixelsMax)
    throw new TenfoldError(
      'bad-input',
      `this picture has ${header.width} x ${header.height} pixels; at most ${pixelsMax / 1_000_000} million are taken`,
    )
  return type
}

/** Upright, in sRGB, without metadata (a camera writes down where it was). @throws what sharp throws when the bytes are damaged. */
export async function makeThumbnails(bytes: Uint8Array): Promise<Thumbnails> {
  const { data: large, info } = await jpegOf(bytes, { width: largePx, height: largePx, fit: 'inside' })
  const { data: small } = await jpegOf(large, { width: smallPx, height: smallPx, fit: 'cover' })
  const version = createHash('sha256').update(large).update(small).digest('hex').slice(0, 12)
  return { small, large, width: info.width, height: info.height, version }
}

async function jpegOf(bytes: Uint8Array, size: { width: number; height: number; fit: 'inside' | 'cover' }) {
  return await sharp(bytes, { limitInputPixels: pixelsMax, failOn: 'error', sequentialRead: true })
    .timeout({ seconds: decodeTimeoutSeconds })
    .autoOrient()
    .resize({ ...size, withoutEnlargement: size.fit === 'inside' })
    .flatten({ background: '#ffffff' })
    .jpeg({ quality: 80, progressive: true })
    .toBuffer({ resolveWithObject: true })
}

const jpegMagic = Buffer.from([0xff, 0xd8, 0xff])
const pngMagic = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])

function typeOf(bytes: Buffer): 'image/jpeg' | 'image/png' | undefined {
  if (bytes.subarray(0, jpegMagic.length).equals(jpegMagic)) return 'image/jpeg'
  if (bytes.subarray(0, pngMagic.length).equals(pngMagic)) return 'image/png'
  return undefined
}
