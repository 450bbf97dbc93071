// What the tests of backups do with a running sample: people sign up, commands answer in JSON, restored servers are looked into.

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import type { RestoredServer } from '../src/supervisor/backup/restore/restore.ts'
import type { RunningSystem } from './running-system.ts'

export class Operator {
  readonly #system: RunningSystem

  constructor(system: RunningSystem) {
    this.#system = system
  }

  async json<Value>(...words: string[]): Promise<Value> {
    return JSON.parse((await this.#system.tenfold(...words, '--json')).stdout) as Value
  }

  async signUp(name: string): Promise<void> {
    const response = await fetch(`${this.#system.appUrl}/api/signup`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name }),
    })
    assert.equal(response.status, 201)
  }
}

/** Who had signed up, in a restored server, in the order of their names. */
export async function namesIn(system: RunningSystem, { address, port }: RestoredServer): Promise<string[]> {
  const { postgres } = JSON.parse(await readFile(join(system.dir, 'secrets.json'), 'utf8'))
  const client = new pg.Client({
    ...{ host: address, port, database: 'app', user: 'tenfold', password: postgres.superuser },
  })
  await client.connect()
  try {
    return (await client.query('SELECT name FROM users ORDER BY name')).rows.map(({ name }) => name)
  } finally {
    await client.end()
  }
}

/** Where the system's own databases are, since the server's user can reach that. */
export async function nodesDir(system: RunningSystem): Promise<string> {
  const map = JSON.parse(await readFile(join(system.dir, 'map.json'), 'utf8'))
  const dataDir = map.nodes.find((node: { role: string }) => node.role === 'postgres').dataDir
  return join(dataDir, '..')
}

/** Times are compared in milliseconds. */
export function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 50))
}
