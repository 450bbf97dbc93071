// The photos of the load are real ones.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import sharp from 'sharp'
import { jpegWith } from './jpeg.ts'

test('every upload is a JPEG that sharp decodes whole, with bytes of its own', async () => {
  const [first, second] = [jpegWith('photo 1'), jpegWith('photo 2')]
  assert.notDeepEqual(first, second)
  for (const jpeg of [first, second]) {
    const { info } = await sharp(jpeg, { failOn: 'warning' }).raw().toBuffer({ resolveWithObject: true })
    assert.deepEqual([info.width, info.height], [320, 240])
  }
})
