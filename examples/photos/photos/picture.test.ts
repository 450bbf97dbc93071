// What is a picture and what only says so.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import sharp from 'sharp'
import { checkPicture, makeThumbnails } from './picture.ts'

const plain = (width: number, height: number, background = '#336699') =>
  sharp({ create: { width, height, channels: 3, background } })

test('a JPEG and a PNG are known by their bytes', async () => {
  assert.equal(await checkPicture(await plain(20, 10).jpeg().toBuffer()), 'image/jpeg')
  assert.equal(await checkPicture(await plain(20, 10).png().toBuffer()), 'image/png')
})

test('what is no picture is refused, whatever it begins with', async () => {
  const gif = await plain(4, 4).gif().toBuffer()
  const magicOnly = Buffer.concat([Buffer.from([0xff, 0xd8, 0xff, 0xe0]), Buffer.alloc(500, 7)])
  for (const bytes of [Buffer.alloc(0), Buffer.from('hello'), Buffer.from('<svg/>'), gif, magicOnly])
    await assert.rejects(checkPicture(bytes), { code: 'bad-input' })
})

test('more pixels than we decode are refused by the header alone', async () => {
  const bomb = await plain(8_000, 8_000).png().toBuffer()
  await assert.rejects(checkPicture(bomb), { code: 'bad-input', message: /8000 x 8000 pixels/ })
})

test('thumbnails fit, stand upright and carry no metadata', async () => {
  const sideways = await plain(2_000, 1_000)
    .withExif({ IFD0: { Make: 'Somebody' }, IFD3: { GPSLatitude: '52/1 31/1 12/1' } })
    .withMetadata({ orientation: 6 })
    .jpeg()
    .toBuffer()
  const made = await makeThumbnails(sideways)
  assert.deepEqual([made.width, made.height], [512, 1024])
  for (const [bytes, width, height] of [
    [made.large, 512, 1024],
    [made.small, 256, 256],
  ] as const) {
    const header = await sharp(bytes).metadata()
    assert.deepEqual([header.format, header.width, header.height], ['jpeg', width, height])
    assert.equal(header.exif, undefined)
    assert.equal(header.orientation, undefined)
  }
})

test('a small picture is not blown up, and what was transparent is white', async () => {
  const clear = await sharp({ create: { width: 30, height: 40, channels: 4, background: '#00000000' } })
    .png()
    .toBuffer()
  const made = await makeThumbnails(clear)
  assert.deepEqual([made.width, made.height], [30, 40])
  const { data } = await sharp(made.large).raw().toBuffer({ resolveWithObject: true })
  assert.ok((data[0] ?? 0) > 250)
})

test('the version follows the bytes', async () => {
  const [one, again, other] = await Promise.all(
    ['#ff0000', '#ff0000', '#00ff00'].map(async (colour) =>
      makeThumbnails(await plain(50, 50, colour).jpeg().toBuffer()),
    ),
  )
  assert.equal(one?.version, again?.version)
  assert.notEqual(one?.version, other?.version)
})

test('half a JPEG has a header and still cannot be decoded', async () => {
  const noise = Buffer.from(Array.from({ length: 300 * 300 * 3 }, (_, at) => (at * 2_654_435_761) % 256))
  const whole = await sharp(noise, { raw: { width: 300, height: 300, channels: 3 } })
    .jpeg()
    .toBuffer()
  const half = whole.subarray(0, whole.length / 2)
  assert.equal(await checkPicture(half), 'image/jpeg')
  await assert.rejects(makeThumbnails(half))
})
