// One key, one execution, one answer: 200 requests at the same time over four web servers, also while the server that
// is at work on the first of them is killed.

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { waitUntil } from '../../../src/base/limits.ts'
import { RunningSystem } from '../../running-system.ts'

const app = join(import.meta.dirname, 'app')
const timeoutMs = 60_000
const parallel = 200

let system: RunningSystem
const agent = new Agent({ keepAlive: true, maxSockets: parallel })

before(async () => {
  system = await RunningSystem.up(app)
  await waitWhole()
})

after(async () => {
  agent.destroy()
  await system?.down()
})

test('200 at the same time with one key: one row, and 200 equal answers from four servers', async () => {
  const order = { owner: 'ada', cents: 250, sleepMs: 300 }
  const answers = await postAll(order, 'key-1')
  assertEqualAnswers(answers)
  assert.equal(new Set(answers.map(({ pid }) => pid)).size, 4, 'all four servers answered')
  assert.equal((await rowsOf('ada')).length, 1)
  const other = await post({ ...order, cents: 999 }, 'key-1')
  assert.equal(other.status, 409, 'the key belongs to the first order')
  const late = await post(order, 'key-1')
  assertEqualAnswers([...answers, late])
  await post(order, 'key-2')
  assert.equal((await rowsOf('ada')).length, 2)
})

test('kill -9 of the server that runs it, in the middle: it runs again elsewhere, and all answers are of that run', async (t) => {
  const order = { owner: 'bob', cents: 50, sleepMs: 1500 }
  const answering = postAll(order, 'key-1')
  const first = await waitUntil(async () => (await runsOf('bob'))[0], { what: 'the first run', timeoutMs })
  process.kill(first, 'SIGKILL')
  const answers = await answering
  assertEqualAnswers(answers)
  assert.ok(answers.every(({ pid }) => pid !== first))
  assert.equal((await rowsOf('bob')).length, 1)
  const runs = await runsOf('bob')
  assert.ok(runs.length >= 2, 'it ran again')
  t.diagnostic(`${runs.length} runs; ${answers.filter(({ tries }) => tries > 1).length} of ${parallel} were sent again`)
  await waitWhole()
  assertEqualAnswers([...answers, await post(order, 'key-1')])
})

interface Answer {
  status: number
  location: string | undefined
  body: string
  pid: number
  tries: number
}

function postAll(order: object, key: string): Promise<Answer[]> {
  return Promise.all(Array.from({ length: parallel }, () => post(order, key)))
}

/** As a client does that holds a key: sends it again until there is an answer. */
async function post(order: object, key: string): Promise<Answer> {
  let tries = 0
  return waitUntil(
    async () => {
      tries++
      const answer = await postOnce(order, key)
      return answer.status < 500 && { ...answer, tries }
    },
    { what: 'an answer', timeoutMs, intervalMs: 100 },
  )
}

function postOnce(order: object, key: string): Promise<Omit<Answer, 'tries'>> {
  const headers = { 'content-type': 'application/json', 'idempotency-key': key }
  return new Promise((resolve, reject) => {
    const call = request(
      `${system.appUrl}/receipts`,
      { method: 'POST', agent, headers, timeout: timeoutMs },
      (response) => {
        let body = ''
        response.setEncoding('utf8')
        response.on('data', (text: string) => {
          body += text
        })
        response.on('error', reject)
        response.on('end', () => {
          const { location, 'x-pid': pid } = response.headers
          resolve({ status: response.statusCode ?? 0, location, body, pid: Number(pid) })
        })
      },
    )
    call.on('timeout', () => call.destroy(new Error('no answer')))
    call.on('error', reject)
    call.end(JSON.stringify(order))
  })
}

function assertEqualAnswers(answers: readonly Answer[]): void {
  const different = new Set(answers.map(({ status, location, body }) => JSON.stringify({ status, location, body })))
  assert.equal(different.size, 1, [...different].join('\n'))
  assert.equal(answers[0]?.status, 201)
}

async function rowsOf(owner: string): Promise<unknown[]> {
  return (await (await fetch(`${system.appUrl}/receipts/${owner}`)).json()) as unknown[]
}

/** Pids, in the order of their runs. */
async function runsOf(owner: string): Promise<number[]> {
  const text = await readFile(join(system.dir, `runs-${owner}`), 'utf8').catch(() => '')
  return text.split('\n').flatMap((line) => (line === '' ? [] : [Number(line)]))
}

function waitWhole() {
  return system.waitStatus('four servers', ({ climbing, nodes }) => {
    const webs = nodes.filter(({ role, state }) => role === 'web' && state === 'ready')
    return climbing === null && webs.length === 4
  })
}
