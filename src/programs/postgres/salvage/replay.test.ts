// What a replay does on the new primary, and above all what it leaves alone.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { after, before, test } from 'node:test'
import type { Client } from 'pg'
import { waitUntil } from '../../../base/limits.ts'
import { connectAs } from '../testing.ts'
import { replaySalvage } from './replay.ts'
import { AsyncPair, readTransactions } from './testing.ts'

const schema = `
  SET ROLE owner;
  CREATE SCHEMA slot_007; CREATE SCHEMA tenfold;
  CREATE TABLE users (id bigint PRIMARY KEY, name text) PARTITION BY HASH (id);
  CREATE TABLE slot_007.users PARTITION OF users FOR VALUES WITH (MODULUS 1, REMAINDER 0);
  CREATE TABLE photos (user_id bigint REFERENCES users ON DELETE CASCADE, id int, caption text, body text, size int GENERATED ALWAYS AS (length(body)) STORED,
    upper text GENERATED ALWAYS AS (upper(caption)), PRIMARY KEY (user_id, id)) PARTITION BY HASH (user_id);
  CREATE TABLE slot_007.photos PARTITION OF photos FOR VALUES WITH (MODULUS 1, REMAINDER 0);
  CREATE TABLE log (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, what text);
  CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO log (what) VALUES (TG_OP || ' ' || NEW.id); RETURN NEW; END $$;
  CREATE TRIGGER note AFTER INSERT OR UPDATE ON slot_007.users FOR EACH ROW EXECUTE FUNCTION note();
  CREATE TABLE accounts (id int PRIMARY KEY, cents int CHECK (cents >= 0), owner text UNIQUE);
  CREATE TABLE keyless (line text);
  CREATE TABLE tenfold.migrations (name text PRIMARY KEY);
  CREATE TABLE many (id int PRIMARY KEY, n int);
  INSERT INTO users VALUES (1, 'ann'), (2, 'bob'), (3, 'cal'), (4, 'dan');
  INSERT INTO photos SELECT u, 1, 'old', (SELECT string_agg(md5(i::text), '') FROM generate_series(1, 400) i) FROM unnest('{1,2,3,4}'::bigint[]) u;
  INSERT INTO accounts SELECT i, 100, 'owner ' || i FROM generate_series(1, 9) i;
  INSERT INTO many VALUES (0, 0);
  RESET ROLE`

/** Each is one lost transaction. */
const lost = {
  newUser: `INSERT INTO slot_007.users VALUES (7, 'eve'); INSERT INTO slot_007.photos (user_id, id, caption, body) VALUES (7, 1, 'hi', 'x')`,
  newCaption: `UPDATE slot_007.photos SET caption = 'new' WHERE user_id = 1`,
  ownUpdate: `UPDATE slot_007.photos SET caption = 'newer' WHERE user_id = 7`,
  cascade: `DELETE FROM slot_007.users WHERE id = 2`,
  takenKey: `INSERT INTO accounts VALUES (20, 1, 'twenty'); UPDATE accounts SET cents = 1 WHERE id = 1`,
  dependent: `UPDATE accounts SET cents = 2 WHERE id = 1`,
  changedRow: `UPDATE accounts SET cents = 3 WHERE id = 2`,
  goneRow: `DELETE FROM accounts WHERE id = 3`,
  takenOwner: `UPDATE accounts SET owner = 'taken' WHERE id = 4`,
  newKey: `UPDATE accounts SET id = 50 WHERE id = 5`,
  ofNewKey: `UPDATE accounts SET cents = 5 WHERE id = 50`,
  parentGone: `INSERT INTO slot_007.photos (user_id, id) VALUES (3, 2)`,
  childThere: `DELETE FROM slot_007.users WHERE id = 4`,
  keyless: `INSERT INTO keyless VALUES ('x')`,
  truncate: `TRUNCATE keyless`,
  migration: `INSERT INTO tenfold.migrations VALUES ('0002.sql')`,
  dropped: `UPDATE accounts SET cents = 6 WHERE id = 6; DELETE FROM accounts WHERE id = 6; INSERT INTO accounts VALUES (6, 7, 'again')`,
  big: `INSERT INTO accounts SELECT i, 1, 'big ' || i FROM generate_series(1000, 2999) i`,
}
type Name = keyof typeof lost
const names = Object.keys(lost) as Name[]
const manyCount = 300
const expectedConflicts: Partial<Record<Name, string>> = {
  takenKey: 'row-exists',
  dependent: 'depends-on-left-out',
  changedRow: 'row-changed',
  goneRow: 'row-gone',
  takenOwner: 'row-exists',
  parentGone: 'parent-missing',
  childThere: 'still-referenced',
  keyless: 'no-key',
  truncate: 'truncate',
  migration: 'schema-change',
}

let pair: AsyncPair
let file: string
let app: Client & AsyncDisposable
before(async () => {
  pair = await AsyncPair.start(schema)
  await pair.cutOff()
  await using owner = await connectAs(pair.primary, 'owner')
  for (const sql of Object.values(lost)) await owner.query(`BEGIN; ${sql}; COMMIT`)
  for (let i = 1; i <= manyCount; i++)
    await owner.query(`BEGIN; INSERT INTO many VALUES (${i}, ${i}); UPDATE many SET n = n + 1 WHERE id = 0; COMMIT`)
  await pair.failOver()
  app = await connectAs(pair.replica, 'app')
  // Life goes on at the new primary.
  await app.query(`INSERT INTO accounts VALUES (20, 7, 'mine')`)
  await app.query(`UPDATE accounts SET cents = 77 WHERE id = 2`)
  await app.query(`DELETE FROM accounts WHERE id = 3`)
  await app.query(`INSERT INTO accounts VALUES (21, 7, 'taken')`)
  await app.query(`DELETE FROM slot_007.users WHERE id = 3`)
  await app.query(`INSERT INTO slot_007.photos (user_id, id) VALUES (4, 2)`)
  file = await pair.salvage()
})
after(async () => {
  await app[Symbol.asyncDispose]()
  await pair[Symbol.asyncDispose]()
})

const replay = (isDryRun = false) => replaySalvage({ ...target(), file, isDryRun })
const target = () => ({ address: pair.replica.address, port: pair.replica.port, secrets: pair.replica.secrets })
const conflictsOf = (report: Awaited<ReturnType<typeof replay>>) =>
  Object.fromEntries(report.conflicts.map(({ position, reason }) => [names[position - 1], reason]))
const everything = async () => {
  const { rows } = await app.query(`SELECT (SELECT json_agg(a ORDER BY id) FROM accounts a) AS accounts,
    (SELECT json_agg(a ORDER BY id) FROM slot_007.users a) AS users,
    (SELECT json_agg(a ORDER BY user_id, id) FROM slot_007.photos a) AS photos,
    (SELECT json_agg(a ORDER BY id) FROM log a) AS log, (SELECT json_agg(a ORDER BY id) FROM many a) AS many`)
  return rows[0]
}

test('a dry run tells what a replay would do, and does nothing', async () => {
  assert.equal((await readTransactions(file)).length, names.length + manyCount)
  const before = await everything()
  const report = await replay(true)
  assert.deepEqual(conflictsOf(report), expectedConflicts)
  // On a slow machine its ten seconds are over before its end; the conflicts are among the first.
  assert.equal(report.replayed, report.seen - Object.keys(expectedConflicts).length)
  assert.equal(report.seen === report.transactions, report.notes.length === 0)
  assert.deepEqual(await everything(), before)
})

test('a replay that is killed in the middle and run again does everything once, and overwrites nothing', async () => {
  const script = `
    import { replaySalvage } from ${JSON.stringify(new URL('./replay.ts', import.meta.url).href)}
    await replaySalvage(${JSON.stringify({ ...target(), file })})`
  const child = spawn(process.execPath, ['-C', 'source', '--input-type=module', '-e', script], { stdio: 'inherit' })
  const isHalfDone = async () => {
    const { rows } = await app.query('SELECT count(*)::int FROM many')
    return rows[0].count > 20
  }
  await waitUntil(isHalfDone, { what: 'the middle of the replay', timeoutMs: 30_000, intervalMs: 2 })
  child.kill('SIGKILL')
  await once(child, 'exit')

  const report = await waitUntil(async () => replay(), { what: 'the end of the killed one', timeoutMs: 10_000 })
  assert.ok(report.replayedBefore > 0, 'the killed one had begun')
  assert.ok(report.replayed > 0, 'and had not ended')
  assert.deepEqual(conflictsOf(report), expectedConflicts)
  assert.equal(report.replayed + report.replayedBefore + report.leftOut, report.transactions)

  const now = await everything()
  const accounts = Object.fromEntries(now.accounts.map((row: { id: number }) => [row.id, row]))
  assert.equal(now.many.length, manyCount + 1)
  assert.equal(now.many[0].n, manyCount)
  assert.equal(accounts[1].cents, 100, 'a transaction is left out whole')
  assert.deepEqual(
    [accounts[20].owner, accounts[2].cents, accounts[3], accounts[21].owner],
    ['mine', 77, undefined, 'taken'],
  )
  assert.deepEqual(
    [accounts[5], accounts[50].cents, accounts[6].cents, accounts[4].owner],
    [undefined, 5, 7, 'owner 4'],
  )
  assert.equal(accounts[2999].owner, 'big 2999')
  const photos = now.photos.map((row: Record<string, unknown>) => [
    row['user_id'],
    row['id'],
    row['caption'],
    row['size'],
    row['upper'],
  ])
  assert.deepEqual(photos, [
    [1, 1, 'new', 12800, 'NEW'],
    [4, 1, 'old', 12800, 'OLD'],
    [4, 2, null, null, null],
    [7, 1, 'newer', 1, 'NEWER'],
  ])
  assert.deepEqual(
    now.users.map(({ id }: { id: number }) => id),
    [1, 4, 7],
  )
  const notes = now.log.map(({ what }: { what: string }) => what)
  assert.deepEqual(
    notes.filter((what: string) => what === 'INSERT 7'),
    ['INSERT 7'],
    'triggers have had their effect before',
  )
  // The next number of an identity is one that no lost row has.
  await app.query(`INSERT INTO log (what) VALUES ('next')`)
})

test('what has been replayed is not replayed again, and what was left out is once its conflict is gone', async () => {
  const before = await everything()
  const again = await replay()
  assert.deepEqual([again.replayed, conflictsOf(again)], [0, expectedConflicts])
  assert.deepEqual(await everything(), before)

  await app.query('DELETE FROM accounts WHERE id = 20')
  const third = await replay()
  const { takenKey: _, dependent: __, ...rest } = expectedConflicts
  assert.deepEqual([third.replayed, conflictsOf(third)], [2, rest])
  const { rows } = await app.query('SELECT cents FROM accounts WHERE id IN (1, 20) ORDER BY id')
  assert.deepEqual(rows, [{ cents: 2 }, { cents: 1 }])
})

test('lost transactions of another cluster are refused, and a second replay at the same time', async () => {
  await using blocker = await pair.connect(pair.replica)
  await blocker.query('SELECT pg_advisory_lock($1)', [0x7e4f05a])
  await assert.rejects(replay(), { code: 'conflict', message: /another replay/ })
  await blocker.query('SELECT pg_advisory_unlock_all()')
  pair.systemIdentifier = '1'
  const foreign = await pair.salvage('foreign.jsonl')
  await assert.rejects(replaySalvage({ ...target(), file: foreign }), { code: 'conflict', message: /another cluster/ })
})
