// What a server that is down says of how it ended, from its control file.
// Source: PostgreSQL 18, src/include/catalog/pg_control.h: struct ControlFileData begins with system_identifier (8 bytes),
// two versions (4 each), state (4, then 4 of padding), time (8), checkPoint (8), in the machine's byte order.

import { readFile } from 'node:fs/promises'
import { endianness } from 'node:os'
import { join } from 'node:path'

const offsets = { state: 16, checkPoint: 32 }
/** DB_SHUTDOWNED */
const shutDown = 1

/** Where the record of its orderly end begins, the last one that it wrote; undefined when it did not end in order. */
export async function readShutdownLsn(dataDir: string): Promise<bigint | undefined> {
  const bytes = await readFile(join(dataDir, 'global', 'pg_control'))
  const isLittle = endianness() === 'LE'
  const state = isLittle ? bytes.readInt32LE(offsets.state) : bytes.readInt32BE(offsets.state)
  if (state !== shutDown) return undefined
  return isLittle ? bytes.readBigUInt64LE(offsets.checkPoint) : bytes.readBigUInt64BE(offsets.checkPoint)
}
