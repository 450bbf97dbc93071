// What a dead primary's log gives back: exactly the transactions that the new primary does not have.

import assert from 'node:assert/strict'
import { access, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Client } from 'pg'
import { databaseName } from '../contract.ts'
import { isServerAlive, readLockFile } from '../lock-file.ts'
import { startServer, waitForServer } from '../server.ts'
import { connectAs, type TestPostgres } from '../testing.ts'
import type { SalvagedRow } from './format.ts'
import { dropSalvageSlot, readSalvageSlot, salvageSlotName } from './slot.ts'
import { AsyncPair } from './testing.ts'

const schema = `
  SET ROLE owner;
  CREATE SCHEMA slot_007; CREATE SCHEMA tenfold;
  CREATE TABLE photos (user_id bigint, id text, caption text, body text, PRIMARY KEY (user_id, id)) PARTITION BY HASH (user_id);
  CREATE TABLE slot_007.photos PARTITION OF photos FOR VALUES WITH (MODULUS 1, REMAINDER 0);
  CREATE TABLE notes (id int PRIMARY KEY, text text);
  CREATE TABLE writes (id uuid PRIMARY KEY DEFAULT uuidv7(), writer int, n int);
  CREATE TABLE full_notes (id int PRIMARY KEY, a text, b text);
  ALTER TABLE full_notes REPLICA IDENTITY FULL;
  CREATE TABLE keyless (line text);
  CREATE TABLE tenfold.jobs (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, queue text);
  INSERT INTO notes VALUES (1, 'one'), (2, 'two'), (3, 'three');
  INSERT INTO full_notes VALUES (1, 'a', NULL);
  INSERT INTO keyless VALUES ('x');
  INSERT INTO photos SELECT 7, 'old', 'c', string_agg(md5(i::text), '') FROM generate_series(1, 400) i;
  RESET ROLE`

let pair: AsyncPair
let acknowledged: { before: Set<string>; after: string[] }
let open: Client
const lostOf = (rows: SalvagedRow[]) => rows.map((row) => `${row['writer']}/${row['n']}`)

before(async () => {
  pair = await AsyncPair.start(schema)
  const stopWriters = new AbortController()
  const isLost = { yet: false }
  acknowledged = { before: new Set(), after: [] }
  // Begun before the cut and never committed; and one that begins before it and commits after it.
  open = await client(pair.primary)
  await open.query(`BEGIN; INSERT INTO notes VALUES (100, 'never committed')`)
  const across = await client(pair.primary)
  await across.query(`BEGIN; INSERT INTO notes VALUES (101, 'begun before')`)
  const writers = [1, 2, 3, 4].map((writer) => write(pair.primary, writer, stopWriters.signal, isLost))
  await new Promise((resolve) => setTimeout(resolve, 300))
  await pair.cutOff()
  // What is in flight at the cut may be on either side; from here on everything is lost.
  isLost.yet = true
  await across.query('COMMIT')
  await using app = await connectAs(pair.primary, 'app')
  await using owner = await connectAs(pair.primary, 'owner')
  await app.query(`BEGIN; UPDATE notes SET text = 'changed' WHERE id = 1; DELETE FROM notes WHERE id = 2;
    INSERT INTO slot_007.photos VALUES (7, 'new', 'it''s [a] "caption"', E'two\\nlines');
    INSERT INTO tenfold.jobs (queue) VALUES ('photo.uploaded'); COMMIT`)
  await app.query(`BEGIN; INSERT INTO notes VALUES (102, 'rolled back'); ROLLBACK`)
  await app.query(`BEGIN; SAVEPOINT a; INSERT INTO notes VALUES (103, 'kept'); RELEASE a; SAVEPOINT b;
    INSERT INTO notes VALUES (104, 'undone'); ROLLBACK TO b; COMMIT`)
  await app.query(`UPDATE notes SET id = 30 WHERE id = 3`)
  await app.query(`UPDATE slot_007.photos SET caption = 'd' WHERE id = 'old'`)
  await app.query(`UPDATE full_notes SET b = 'b'`)
  await app.query(`DELETE FROM full_notes`)
  await app.query(`INSERT INTO keyless VALUES ('y')`)
  await owner.query(`DELETE FROM keyless WHERE line = 'x'`)
  await owner.query('TRUNCATE keyless')
  await app.query(`SELECT * FROM notes WHERE id = 1 FOR UPDATE`)
  await owner.query('CREATE TABLE later (id int PRIMARY KEY)')
  await app.query(`INSERT INTO notes SELECT i, repeat('x', 100) FROM generate_series(1000, 20999) i`)
  await new Promise((resolve) => setTimeout(resolve, 300))
  stopWriters.abort()
  await Promise.all(writers)
  await app.query(`INSERT INTO notes VALUES (105, 'the last')`)
  await pair.failOver()
})
after(async () => {
  open.connection.stream.destroy()
  await pair[Symbol.asyncDispose]()
})

test('exactly the lost transactions come out, in order, under writers before and after the cut', async () => {
  const { found, complete, problems, transactions, changes } = await pair.decode()
  assert.deepEqual([problems, complete], [[], true])
  assert.equal(transactions, found.length)
  assert.equal(changes, found.flatMap(({ changes }) => changes).length)
  const lsns = found.map(({ lsn }) => lsn.padStart(20, '0'))
  assert.deepEqual(lsns, lsns.toSorted(), 'in the order of their commits')

  const writes = found.filter(({ changes }) => changes[0]?.table === 'writes')
  const salvaged = lostOf(writes.flatMap(({ changes }) => changes.map(({ values }) => values ?? {})))
  await using replica = await client(pair.replica)
  const { rows } = await replica.query<{ writer: number; n: number }>('SELECT writer, n FROM writes')
  const kept = rows.map(({ writer, n }) => `${writer}/${n}`)
  assert.ok(
    acknowledged.before.size > 20 && acknowledged.after.length > 20,
    'there were writes on both sides of the cut',
  )
  assert.deepEqual(new Set([...kept, ...salvaged]), new Set([...acknowledged.before, ...acknowledged.after]))
  assert.equal(kept.length + salvaged.length, acknowledged.before.size + acknowledged.after.length, 'none is on both')
  assert.deepEqual(
    acknowledged.after.filter((write) => !salvaged.includes(write)),
    [],
  )

  const others = found.filter(({ changes }) => changes[0]?.table !== 'writes')
  const big = others.find(({ changes }) => changes.length === 20_000)
  assert.equal(big?.changes.at(-1)?.key?.['id'], '20999')
  const notes = { schema: 'public', table: 'notes' }
  const photos = { schema: 'slot_007', table: 'photos', slot: 7 }
  const fullNotes = { schema: 'public', table: 'full_notes' }
  const keyless = { schema: 'public', table: 'keyless' }
  assert.deepEqual(
    others.filter((transaction) => transaction !== big).map(({ changes }) => changes),
    [
      [{ ...notes, kind: 'insert', key: { id: '101' }, values: { id: '101', text: 'begun before' } }],
      [
        { ...notes, kind: 'update', key: { id: '1' }, values: { id: '1', text: 'changed' } },
        { ...notes, kind: 'delete', key: { id: '2' } },
        {
          ...photos,
          kind: 'insert',
          key: { user_id: '7', id: 'new' },
          values: { user_id: '7', id: 'new', caption: `it's [a] "caption"`, body: 'two\nlines' },
        },
        {
          ...{ schema: 'tenfold', table: 'jobs' },
          kind: 'insert',
          key: { id: '1' },
          values: { id: '1', queue: 'photo.uploaded' },
        },
      ],
      [{ ...notes, kind: 'insert', key: { id: '103' }, values: { id: '103', text: 'kept' } }],
      [{ ...notes, kind: 'update', key: { id: '3' }, values: { id: '30', text: 'three' } }],
      [
        {
          ...photos,
          kind: 'update',
          key: { user_id: '7', id: 'old' },
          values: { user_id: '7', id: 'old', caption: 'd' },
          unchanged: ['body'],
        },
      ],
      [
        {
          ...fullNotes,
          kind: 'update',
          key: { id: '1' },
          values: { id: '1', a: 'a', b: 'b' },
          old: { id: '1', a: 'a' },
        },
      ],
      [{ ...fullNotes, kind: 'delete', key: { id: '1' }, old: { id: '1', a: 'a', b: 'b' } }],
      [{ ...keyless, kind: 'insert', key: null, values: { line: 'y' } }],
      [{ ...keyless, kind: 'delete', key: null }],
      [{ ...keyless, kind: 'truncate', key: null }],
      [{ ...notes, kind: 'insert', key: { id: '105' }, values: { id: '105', text: 'the last' } }],
    ],
  )
})

test('decoding again finds the same, also after a decoding that broke off, and leaves a directory that does not become a primary', async () => {
  const { dataDir, secrets, logFile, address, port } = pair.primary
  const first = await pair.decode()
  const broken = pair.decodeWith(async () => {
    throw new Error('the disk is full')
  })
  await assert.rejects(broken, /the disk is full/)
  const lock = readLockFile(dataDir)
  assert.ok(!lock || !isServerAlive(lock.pid, dataDir), 'the server was stopped')
  assert.deepEqual((await pair.decode()).found, first.found)
  await access(join(dataDir, 'standby.signal'))
  // Started as it lies there, it is a replica without a primary.
  const { pid } = await startServer({ dataDir, logFile })
  const isolatedPort = Number(/^port = (\d+)/m.exec(await readFile(join(dataDir, 'postgresql.conf'), 'utf8'))?.[1])
  assert.notEqual(isolatedPort, port)
  const state = await waitForServer({ address, port: isolatedPort, secrets, pid, timeoutMs: 20_000 })
  assert.equal(state.isInRecovery, true)
  // A salvage that finds a server on the directory stops it.
  assert.deepEqual((await pair.decode()).found, first.found)
})

test('while it is decoded, nobody but the superuser gets in', async () => {
  let tries = 0
  await pair.decodeWith(async () => {
    if (tries++ > 0) return
    const conf = await readFile(join(pair.primary.dataDir, 'postgresql.conf'), 'utf8')
    const port = Number(/^port = (\d+)/m.exec(conf)?.[1])
    for (const user of ['app', 'owner'] as const)
      await assert.rejects(connectAs({ ...pair.primary, port }, user), { code: '28000' })
    const replicator = new Client({ ...loginOf(pair.primary, 'replicator'), port })
    replicator.on('error', () => {})
    await assert.rejects(replicator.connect(), { code: '28000' })
  })
  assert.ok(tries > 0)
})

test('a slot that is missing, or stood behind the divergence, is told with the number of what is missing', async () => {
  const { found } = await pair.decode()
  await pair.alone(async (connection) => {
    const slot = await readSalvageSlot(connection)
    assert.ok(slot?.confirmed !== undefined && slot.confirmed <= pair.divergedAt)
    // As if it had been advanced too far: to the commit of the second one.
    await connection.query('SELECT pg_replication_slot_advance($1, $2::pg_lsn)', [salvageSlotName, found[1]?.lsn])
  })
  const late = await pair.decode()
  assert.equal(late.complete, false)
  assert.match(late.problems[0] ?? '', /stood at .* behind the divergence/)
  assert.match(late.problems[1] ?? '', new RegExp(`^2 transactions in the log .*: ${found[0]?.xid}, ${found[1]?.xid}$`))
  assert.deepEqual(late.found, found.slice(2))

  await pair.alone(dropSalvageSlot)
  const { complete, problems, transactions } = await pair.decode()
  assert.deepEqual([complete, transactions], [false, 0])
  assert.match(problems[0] ?? '', /tenfold_salvage was not there/)
  // The log says how many there were; each change of `later` and the like is of the catalog and is not counted.
  assert.match(problems[1] ?? '', new RegExp(`^${found.length} transactions in the log changed rows`))
})

async function write(server: TestPostgres, writer: number, stop: AbortSignal, isLost: { yet: boolean }): Promise<void> {
  await using app = await connectAs(server, 'app')
  for (let n = 1; !stop.aborted; n++) {
    const wasLost = isLost.yet
    await app.query('INSERT INTO writes (writer, n) VALUES ($1, $2)', [writer, n])
    if (wasLost) acknowledged.after.push(`${writer}/${n}`)
    else acknowledged.before.add(`${writer}/${n}`)
  }
}

function loginOf({ address, port, secrets }: TestPostgres, user: 'owner' | 'app' | 'replicator') {
  return { host: address, port, user, password: secrets[user], database: databaseName }
}

function client(server: TestPostgres): Promise<Client & AsyncDisposable> {
  return connectAs(server, 'owner')
}
