// A scene as the JPEG that a camera would give: with the grain of its sensor.

import sharp from 'sharp'
import type { Chance } from './chance.ts'
import { makeScene } from './scene.ts'

sharp.concurrency(1)
sharp.cache(false)

const grainPx = 128
const grainStrength = 10

export async function makeJpeg(chance: Chance): Promise<Buffer> {
  const { svg } = makeScene(chance)
  return await sharp(Buffer.from(svg))
    .composite([{ input: grain(chance), raw: { width: grainPx, height: grainPx, channels: 4 }, tile: true }])
    .removeAlpha()
    .jpeg({ quality: 84 })
    .toBuffer()
}

/** Black and white specks, hardly to be seen, in a tile that is repeated. */
function grain(chance: Chance): Buffer {
  const pixels = Buffer.alloc(grainPx * grainPx * 4)
  for (let at = 0; at < pixels.length; at += 4) {
    const speck = chance.next()
    pixels.fill(speck < 0.5 ? 0 : 255, at, at + 3)
    pixels[at + 3] = Math.round(Math.abs(speck - 0.5) * 2 * grainStrength)
  }
  return pixels
}
