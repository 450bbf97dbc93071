// A photo to upload, and the wait until its thumbnails are there.

import assert from 'node:assert/strict'
import sharp from 'sharp'
import { waitUntil } from '../../../src/base/limits.ts'
import type { Person } from './person.ts'

export const timeoutMs = 20_000

const noise = { type: 'gaussian', mean: 128, sigma: 40 } as const
export const jpeg: Buffer = await sharp({
  create: { width: 1200, height: 800, channels: 3, background: '#888', noise },
})
  .jpeg()
  .toBuffer()

export async function readyPhoto(owner: Person, caption = ''): Promise<{ path: string; id: string }> {
  const { status, body } = await owner.upload(jpeg, caption)
  assert.equal(status, 201, JSON.stringify(body))
  const path = `/api/photos/${body.userId}/${body.id}`
  await waitUntil(async () => (await owner.get(path)).body.status === 'ready', { what: 'thumbnails', timeoutMs })
  return { path, id: body.id }
}
