// Readers that are processes, killed with SIGKILL in the midst of a batch and started again under the same name.

import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { waitUntil } from '../../../../../base/limits.ts'
import { startTestDatabase } from '../../../../database/testing.ts'
import { queueSql } from '../testing.ts'
import { openPostgresStreams } from './engine.ts'

const timeoutMs = 60_000
const kills = 4
const readers = 2
const reader = fileURLToPath(new URL('testing/reader-process.ts', import.meta.url))

test('what killed processes had in hand is given again, from where their group stood, and nothing is skipped', async () => {
  const given = 'create table given (id bigint generated always as identity, n integer not null);'
  const grants = 'grant select, insert on given to app;'
  await using database = await startTestDatabase({ sql: [await queueSql(), given, grants].join('\n') })
  const [shard] = database.db.shards()
  assert.ok(shard)
  const engine = openPostgresStreams(() => database.db.shards())
  const stream = 'killed'
  let next = 0
  let isOver = false
  const appending = (async () => {
    while (!isOver) {
      await engine.append([{ stream, body: JSON.stringify({ n: next++ }), key: undefined, trace: undefined }])
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
  })()
  const seen = async () => (await shard.query<{ n: number }>('select n from given order by id')).map(({ n }) => n)
  const processes: ChildProcess[] = []
  const start = async (i: number) => {
    const args = [database.mapFile, database.server.secrets.app, `r/worker-${i}`, stream]
    const child = fork(reader, args, { execArgv: ['-C', 'source'], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    processes[i] = child
    await once(child, 'message')
  }
  try {
    await Promise.all(Array.from({ length: readers }, (_, i) => start(i)))
    for (let kill = 0; kill < kills; kill++) {
      const before = (await seen()).length
      await waitUntil(async () => (await seen()).length >= before + 30, { what: 'entries', timeoutMs })
      const holder = (await engine.list())[0]?.groups[0]?.lanes[0]?.holder ?? ''
      const i = Number(/worker-(\d)/.exec(holder)?.[1] ?? 0)
      processes[i]?.kill('SIGKILL')
      await start(i)
    }
    isOver = true
    await appending
    await waitUntil(async () => (await seen()).at(-1) === next - 1, { what: 'all entries', timeoutMs })
  } finally {
    isOver = true
    for (const child of processes) child.kill('SIGKILL')
  }
  const numbers = await seen()
  for (const [i, n] of numbers.entries())
    assert.ok(n <= (i === 0 ? -1 : (numbers[i - 1] as number)) + 1, `${n} came after ${numbers[i - 1]}`)
  assert.equal(new Set(numbers).size, next)
})
