// One of the processes that work jobs off, without the rest of a worker: the queue over the database (or a broker), handlers
// that do what a job's payload says, and a log of what ran. Forked with QUARANTINE set it is the one beside, for suspects.

import { type ChildProcess, fork } from 'node:child_process'
import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { openFromEnvironment } from '../../../../../src/tiers/cache/engines/database/testing/process.ts'
import type { Handler } from '../../../../../src/tiers/queue/contract.ts'
import { openJobLedger } from '../../../../../src/tiers/queue/engines/postgres/ledger/ledger.ts'
import { QueueTier } from '../../../../../src/tiers/queue/queue.ts'
import { RunLog } from '../../history/run.ts'
import type { FromWorker, WorkerConfig } from '../processes.ts'
import { type Misdeed, misbehave } from './misdeeds.ts'
import { openEngine } from './open-engine.ts'

/** What a job of these tests does. */
export type Task = {
  n: number
  /** At most so long; a random part of it. */
  workMs?: number
  /** Throws in its first attempt. */
  failsFirst?: boolean
  misdeed?: Misdeed
  /** Waits until there is a file of this name, the process's own behind it. */
  untilFile?: string
  /** ... and in its first attempt until it is given up, and throws then. */
  throwsFirst?: boolean
}

const isQuarantine = process.env['QUARANTINE'] !== undefined
const config = JSON.parse(process.env['WORKER_PROCESS'] ?? '') as WorkerConfig
const { name, life, logPath, queues } = config
const lookMs = 20

const runs = new RunLog(logPath, isQuarantine ? `${name}.${life} quarantine ${process.pid}` : `${name}.${life}`)
const { db } = await openFromEnvironment()
const engine = await openEngine(() => db.shards(), config.brokers)
const quiet = { warn() {}, error() {} }
const tier = new QueueTier(engine, {
  log: process.env['TENFOLD_FAULT_LOG'] ? console : quiet,
  ledger: openJobLedger(() => db.shards()),
  ...(config.hasQuarantine && { forkQuarantine }),
  holder: name,
})

const handler: Handler<Task> = async ({ payload, attempt, signal }) => {
  const { n, workMs = 0, failsFirst = false, misdeed, untilFile, throwsFirst = false } = payload
  runs.say(n, attempt, 'begin')
  try {
    if (misdeed) await misbehave(misdeed)
    await sleep(Math.random() * workMs)
    if (failsFirst && attempt === 1) throw new Error('its first attempt fails')
    if (untilFile) while (!existsSync(`${untilFile}${name}`)) await sleep(lookMs)
    if (throwsFirst && attempt === 1) {
      while (!signal.aborted) await sleep(lookMs)
      throw new Error('it was given up')
    }
  } catch (error) {
    runs.say(n, attempt, 'failed')
    throw error
  }
  runs.say(n, attempt, 'done')
}
for (const [queue, options] of Object.entries(queues)) tier.queue.handle(queue, options, handler)

if (isQuarantine) tier.serveQuarantine()
else {
  process.on('message', () => say('pong'))
  process.on('disconnect', () => process.exit())
  tier.startWorkers()
  say('ready')
}

function say(message: FromWorker): void {
  process.send?.(message)
}

function forkQuarantine(): ChildProcess {
  return fork(import.meta.filename, {
    execArgv: process.execArgv,
    env: { ...process.env, QUARANTINE: '1' },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
}
