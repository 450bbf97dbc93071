// The slot of a key in a Redis Cluster: CRC16 (XMODEM) of what stands in braces, modulo 16384 (cluster specification,
// "key distribution model"). The names of our keys all have the key in braces (keys.ts).
// Worked example, from the specification: CRC16 of `123456789` is 0x31c3.

import { enclosed } from './keys.ts'

const slotCount = 16_384
const polynomial = 0x1021

const table = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ polynomial : crc << 1
  return crc & 0xffff
})

export function slotOf(key: string): number {
  return crc16(Buffer.from(enclosed(key))) % slotCount
}

export function crc16(bytes: Uint8Array): number {
  let crc = 0
  for (const byte of bytes) crc = ((crc << 8) ^ (table[((crc >> 8) ^ byte) & 0xff] as number)) & 0xffff
  return crc
}
