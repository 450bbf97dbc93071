// A system with two fronts, and what each of them answers: by the public address, or by a front's own.

import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { request as requestSecurely } from 'node:https'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { systemClock } from '../../../src/base/clock.ts'
import type { StatusNode } from '../../../src/control/api.ts'
import type { TopologyInput } from '../../../src/topology/schema.ts'
import { RunningSystem } from '../../running-system.ts'

export const edgeApp = join(import.meta.dirname, 'app')

/** Between two requests of one client. */
export const everyMs = 5

export interface Said {
  status: number
  body: string
  /** Cache-Status (RFC 9211). */
  cache: string
  age: number
}

export async function upWithEdge(): Promise<RunningSystem> {
  const system = await RunningSystem.up(edgeApp)
  await waitWhole(system)
  return system
}

export function waitWhole(system: RunningSystem) {
  const isWhole = ({ climbing, nodes }: { climbing: unknown; nodes: readonly StatusNode[] }) =>
    climbing === null && nodes.every(({ state }) => state === 'ready')
  return system.waitStatus('a whole system', isWhole, 90_000, 50)
}

export async function frontsOf(system: RunningSystem): Promise<Array<StatusNode & { pid: number }>> {
  const { nodes } = await system.status()
  return nodes.flatMap((node) => (node.role === 'front' && node.pid !== null ? [{ ...node, pid: node.pid }] : []))
}

export async function websOf(system: RunningSystem): Promise<Array<StatusNode & { pid: number }>> {
  const { nodes } = await system.status()
  return nodes.flatMap((node) => (node.role === 'web' && node.pid !== null ? [{ ...node, pid: node.pid }] : []))
}

/** On a connection of its own; `front`: by that front's own address, as if the client had come by the public one. */
export function get(system: RunningSystem, path: string, front?: Pick<StatusNode, 'address' | 'port'>): Promise<Said> {
  const { host, hostname, port } = new URL(system.appUrl)
  const at = front ? { host: front.address, port: front.port } : { host: hostname, port }
  return new Promise((resolve, reject) => {
    const call = request({ ...at, path, agent: false, headers: { host }, timeout: 20_000 }, (response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (text: string) => {
        body += text
      })
      response.on('error', reject)
      response.on('end', () => {
        const { 'cache-status': cache = '', age = '0' } = response.headers
        resolve({ status: response.statusCode ?? 0, body, cache: String(cache), age: Number(age) })
      })
    })
    call.on('timeout', () => call.destroy(new Error(`no answer to ${path}`)))
    call.on('error', reject)
    call.end()
  })
}

export async function timesMade(system: RunningSystem, name: string): Promise<number> {
  return (JSON.parse((await get(system, `/times/${name}`)).body) as { times: number }).times
}

export async function apply(system: RunningSystem, topology: TopologyInput): Promise<void> {
  const file = join(system.dir, 'wanted.json')
  await writeFile(file, JSON.stringify(topology))
  await system.tenfold('apply', file)
}

/** Eight clients, each request on a connection of its own. */
export async function underLoad(t: TestContext, system: RunningSystem, work: () => Promise<void>): Promise<void> {
  const failed: string[] = []
  let answered = 0
  let isOver = false
  const clients = Array.from({ length: 8 }, async () => {
    while (!isOver) {
      await get(system, '/made/loaded?control=no-store').then(
        ({ status }) => void (status === 200 ? answered++ : failed.push(`status ${status}`)),
        (error: Error) => void failed.push(String(error)),
      )
      await systemClock.sleep(everyMs)
    }
  })
  await work().finally(() => {
    isOver = true
  })
  await Promise.all(clients)
  t.diagnostic(`${answered} answered meanwhile`)
  assert.deepEqual(failed, [])
}

/** Without minding who signed its certificate. */
export function askSecurely(url: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const call = requestSecurely(url, { agent: false, rejectUnauthorized: false }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
    call.on('error', reject)
    call.end()
  })
}
