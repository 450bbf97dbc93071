// Answers that tell by their version what they must be, whoever finds them.

import type { KeptHead, StoreBounds } from '../contract.ts'
import { keyTo } from './answers.ts'
import { patterned } from './streamed.ts'

export const tagsCount = 10
export const keysCount = 150

export const crashBounds: StoreBounds = {
  memoryBytesMax: 2 ** 22,
  diskBytesMax: 2 ** 24,
  objectBytesMax: 2 ** 22,
  objectsMax: 10_000,
  admission: 'first',
}

export function answerOf(version: number): { key: string; body: Buffer; overrides: Partial<KeptHead> } {
  const bytes = version % 25 === 0 ? 1_500_000 : (version * 7919) % 60_000
  return {
    key: keyTo(`/${version % keysCount}`),
    body: patterned(bytes, version),
    overrides: { bornMs: version, tags: [`t${version % tagsCount}`] },
  }
}
