// The process that stored.ts starts.

import { appendFile } from 'node:fs/promises'
import { slotCount, slotOfText } from '../../../../database/hash.ts'
import { WriteBackTier } from '../../../write-back/write-back.ts'
import { openDatabaseWrites } from '../writes.ts'
import { openFromEnvironment } from './process.ts'
import type { Stored } from './stored.ts'

const { NAME = '', FILE = '', STUCK_AFTER = 'Infinity' } = process.env
let begun = 0
const { db } = await openFromEnvironment()
const log = { warn() {}, error() {} }
const tier = new WriteBackTier(openDatabaseWrites(db, { slotOf: slotOfText, slotCount }), {
  log,
  limits: { leaseMs: 3000, concurrency: 4 },
})
tier.handle(NAME, async (key, value, { version }) => {
  const tell = (event: Stored['event']) =>
    appendFile(FILE, `${JSON.stringify({ event, pid: process.pid, key, value, version } satisfies Stored)}\n`)
  await tell('begin')
  if (++begun > Number(STUCK_AFTER)) await new Promise(() => {})
  await new Promise((resolve) => setTimeout(resolve, 20))
  await tell('end')
})
tier.start()
process.stdin.on('close', () => process.exit()).resume()
