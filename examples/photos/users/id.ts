// Ids of users: decimal numbers below 2^63, made by any process without asking. 41 bits of milliseconds since 2026 and 22
// random ones: two signups of the same millisecond share an id once in four million, and then the primary key tells.

import { randomInt } from 'node:crypto'

const epochMs = Date.UTC(2026, 0, 1)
const randomBits = 22

export function makeUserId(nowMs: number = Date.now(), random: number = randomInt(2 ** randomBits)): string {
  return String((BigInt(nowMs - epochMs) << BigInt(randomBits)) | BigInt(random))
}
