// From the slot on a running primary to the replayed write, through the same doors that the supervisor, the control API and
// the command line use.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { pino } from 'pino'
import { waitUntil } from '../../base/limits.ts'
import { type Home, homeOf } from '../../map/home.ts'
import type { MapNode, SystemMap } from '../../map/map.ts'
import { makeSecrets, type Secrets } from '../../map/secrets.ts'
import { formatLsn } from '../../programs/postgres/lsn.ts'
import { readSalvageSlot } from '../../programs/postgres/salvage/slot.ts'
import { AsyncPair, readTransactions } from '../../programs/postgres/salvage/testing.ts'
import { connectAs, type TestPostgres } from '../../programs/postgres/testing.ts'
import { resolveTopology } from '../../topology/topology.ts'
import { EventLog } from '../events.ts'
import { MapKeeper } from '../map-keeper.ts'
import type { System } from '../system.ts'
import { dropSalvageSlots, keepSalvageSlot, salvageNode } from './salvage.ts'
import { replayLost, salvageFileOf } from './salvage-replay.ts'

const waitMs = 30_000

let pair: AsyncPair
let system: System
let home: Home
let secrets: Secrets
before(async () => {
  pair = await AsyncPair.start('SET ROLE owner; CREATE TABLE notes (id int PRIMARY KEY, text text); RESET ROLE', {
    withSlot: false,
  })
  home = homeOf(join(pair.dir, 'system'))
  await mkdir(home.logs, { recursive: true })
  secrets = { ...(await makeSecrets(home)), postgres: pair.primary.secrets }
  const events = new EventLog(pino({ level: 'silent' }))
  const keeper = new MapKeeper(home, mapOf())
  // What salvage asks of the system; the rest of it is other tests' business.
  system = { home, secrets, keeper, events } as System
})
after(() => pair[Symbol.asyncDispose]())

test('the slot is made while writers write, follows the replica, and stays where a replica that is cut off stopped', async () => {
  await using writer = await connectAs(pair.primary, 'owner')
  await writer.query(`BEGIN; INSERT INTO notes VALUES (1, 'open')`)
  const startedMs = performance.now()
  keepSalvageSlot(system, 's1')
  assert.ok(performance.now() - startedMs < 50, 'it returns at once')
  const isWaiting = async () => (await slotOf(pair.primary)) !== undefined
  await waitUntil(isWaiting, { what: 'the slot being made', timeoutMs: waitMs })
  await writer.query('COMMIT')
  const first = await confirmed(0n)
  await writer.query(`INSERT INTO notes VALUES (2, 'streamed')`)
  const second = await confirmed(first + 1n)

  await pair.cutOff()
  await waitUntil(async () => (await pair.primary.admin.lag()).length === 0, { what: 'the cut', timeoutMs: waitMs })
  await writer.query(`INSERT INTO notes VALUES (3, 'only here')`)
  await assert.rejects(confirmed(second + 64n * 1024n, 7000), { code: 'timeout' })
  assert.ok(((await slotOf(pair.primary))?.confirmed ?? 0n) <= second + 4096n)
})

test('the directory of a replica has nothing of its own, and is not made a primary to find that out', async () => {
  const lost = { node: nodeOf(2, pair.replica), shard: 's1', divergedAt: '0/1', promotedXid: '1', timeline: 2 }
  assert.deepEqual(await salvageNode(system, lost), { file: null, transactions: 0, complete: true })
  assert.equal((await pair.replica.admin.state()).isInRecovery, true, 'it runs on')
})

test('after the failover the lost writes are in one file, however often it is asked for', async () => {
  await pair.failOver()
  const lost = {
    node: nodeOf(1, pair.primary),
    shard: 's1',
    divergedAt: formatLsn(pair.divergedAt),
    promotedXid: pair.promotedXid,
    timeline: 2,
  }
  const salvage = await salvageNode(system, lost)
  assert.deepEqual([salvage.transactions, salvage.complete], [1, true])
  assert.deepEqual(await salvageNode(system, lost), salvage)
  const [transaction] = await readTransactions(salvage.file ?? '')
  assert.deepEqual(transaction?.changes[0]?.values, { id: '3', text: 'only here' })
  assert.match(system.events.recent().at(-1)?.message ?? '', /^1 transactions? that only us-east\/postgres-1 had/)
})

test('the command line lists and shows it, and a replay brings the write back once', async () => {
  const run = async (...words: string[]) => {
    const args = ['-C', 'source', 'src/cli/main.ts', 'db', 'salvage', ...words, '--data', home.dir]
    return (await promisify(execFile)(process.execPath, args)).stdout
  }
  const { salvages } = JSON.parse(await run('list', '--json'))
  assert.deepEqual([salvages.length, salvages[0].transactions], [1, 1])
  assert.match(await run('show'), /^#1 .* 1 change .*\n {4}insert notes +id=3 -> text="only here"$/m)
  const all = JSON.parse(await run('show', salvages[0].file, '--json'))
  assert.deepEqual(all.transactions[0].changes[0].key, { id: '3' })

  await system.keeper.change((draft) => {
    Object.assign(draft.shards[0] ?? {}, { primary: 'us-east/postgres-2', replicas: [] })
  })
  const what = { map: system.keeper.map, secrets }
  const file = await salvageFileOf(home)
  await assert.rejects(salvageFileOf(home, '../map.json'), { code: 'bad-input' })
  assert.equal((await replayLost(what, { file, isDryRun: true })).replayed, 1)
  assert.equal((await replayLost(what, { file, isDryRun: false })).replayed, 1)
  const again = await replayLost(what, { file, isDryRun: false })
  assert.deepEqual([again.replayed, again.replayedBefore], [0, 1])
  await using app = await connectAs(pair.replica, 'app')
  assert.deepEqual((await app.query('SELECT text FROM notes WHERE id = 3')).rows, [{ text: 'only here' }])
})

test('a primary without replicas has no slot', async () => {
  await system.keeper.change((draft) => {
    draft.shards[0]?.replicas.push('us-east/postgres-1')
  })
  await keepUntil(async () => (await slotOf(pair.replica))?.confirmed !== undefined)
  await system.keeper.change((draft) => {
    Object.assign(draft.shards[0] ?? {}, { replicas: [] })
  })
  await keepUntil(async () => (await slotOf(pair.replica)) === undefined)
  await dropSalvageSlots(system, 's1')
})

function keepUntil(check: () => Promise<boolean>): Promise<boolean> {
  const keepAndCheck = () => {
    keepSalvageSlot(system, 's1')
    return check()
  }
  return waitUntil(keepAndCheck, { what: 'the slot', timeoutMs: waitMs, intervalMs: 100 })
}

async function confirmed(atLeast: bigint, timeoutMs = waitMs): Promise<bigint> {
  return waitUntil(
    async () => {
      keepSalvageSlot(system, 's1')
      const at = (await slotOf(pair.primary))?.confirmed
      return at !== undefined && at >= atLeast ? at : undefined
    },
    { what: 'the slot moving on', timeoutMs, intervalMs: 100 },
  )
}

async function slotOf(server: TestPostgres) {
  await using connection = await pair.connect(server)
  return await readSalvageSlot(connection)
}

function nodeOf(number: number, { address, port, pid, dataDir }: TestPostgres): MapNode {
  return {
    ...{ id: `us-east/postgres-${number}`, role: 'postgres', region: 'us-east', host: 'us-east/host-1' },
    ...{ address, port, pid, state: 'ready', since: '', restarts: 0, entry: false, shard: 's1', dataDir },
    database: number === 1 ? 'primary' : 'replica',
  }
}

function mapOf(): SystemMap {
  return {
    ...{ version: 1, system: 'salvage', rung: 4, topology: resolveTopology({}), appDir: pair.dir, portBase: 8000 },
    ...{ entry: { address: '127.0.0.1', port: 0 }, hasHostAddresses: false },
    nodes: [nodeOf(1, pair.primary), nodeOf(2, pair.replica)],
    shards: [
      {
        ...{ id: 's1', slots: [], primary: 'us-east/postgres-1', replicas: ['us-east/postgres-2'], quorums: [] },
        ...{ timeline: 1, timelineStart: '0/0', durability: 'async' },
      },
    ],
    regions: [],
  }
}
