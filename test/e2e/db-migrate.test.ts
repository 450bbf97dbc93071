// `tenfold db migrate` against a running system: what is pending is applied on its own, refused with advice, and the web
// process that runs on uses the new tables.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { waitUntil } from '../../src/base/limits.ts'
import { RunningSystem } from '../running-system.ts'

// Written for the tables that it will get: the second half of a deploy that was begun with its migrations.
const app = `
const app = {
  migrations: 'migrations',
  setup({ http, db }) {
    http.get('/pid', async () => ({ pid: process.pid }))
    http.post('/notes/:user/:id', async ({ params: { user, id } }, reply) => {
      await db.of(user).insertInto('notes').values({ user_id: user, id }).execute()
      return reply.code(201).send({})
    })
  },
}
export { app as default }`

let system: RunningSystem

before(async () => {
  const people = 'CREATE TABLE people (user_id text PRIMARY KEY) PARTITION BY HASH (user_id)'
  system = await RunningSystem.up({ 'app.ts': app, 'migrations/1.sql': people })
})

after(() => system?.down())

function write(name: string, sql: string): Promise<void> {
  return system.writeApp(`migrations/${name}`, sql)
}

const note = async (id: string) => (await fetch(`${system.appUrl}/notes/ann/${id}`, { method: 'POST' })).status
const pid = async () => ((await (await fetch(`${system.appUrl}/pid`)).json()) as { pid: number }).pid

test('with nothing pending it says so', async () => {
  assert.equal((await system.tenfold('db', 'migrate')).stdout, 'nothing to do\n')
  assert.equal((await system.tenfold('db', 'migrate', '--check')).stdout, 'nothing is pending\n')
})

test('pending files are applied beside the running web process, which learns of their tables', async () => {
  const before = await pid()
  assert.equal(await note('1'), 500)
  await write(
    '2.sql',
    'CREATE TABLE notes (user_id text, id text, PRIMARY KEY (user_id, id)) PARTITION BY HASH (user_id)',
  )
  await write('3.sql', 'CREATE INDEX CONCURRENTLY notes_by_id ON notes (id)')
  const check = JSON.parse((await system.tenfold('db', 'migrate', '--check', '--json')).stdout)
  assert.deepEqual(check.shards[0].pending, ['app/2.sql', 'app/3.sql'])
  assert.equal(await note('1'), 500)
  const done = JSON.parse((await system.tenfold('db', 'migrate', '--json')).stdout)
  assert.deepEqual(done.shards[0].applied, ['app/2.sql', 'app/3.sql'])
  await waitUntil(async () => (await note(String(Math.random()))) === 201, { what: 'a note', timeoutMs: 5000 })
  assert.equal(await pid(), before)
})

test('what would keep the app waiting is refused with exit code 1 and the way to write it', async () => {
  await write('4.sql', 'ALTER TABLE notes ADD COLUMN n int;\nLOCK TABLE notes')
  // The table is small here, so this is taken as it is; --check says that it would not be elsewhere.
  const said = await system.tenfold('db', 'migrate', '--check')
  assert.match(said.stdout, /small: migration app\/4\.sql, line 2: LOCK TABLE holds ACCESS EXCLUSIVE on notes/)
  await write('4.sql', '-- tenfold: allow lok of notes: why not\nSELECT 1')
  const refused = await system.tryTenfold('db', 'migrate', '--check')
  assert.equal(refused.code, 1)
  assert.match(refused.stderr, /^error: migration app\/4\.sql, line 1: "allow lok" is not known/)
})
