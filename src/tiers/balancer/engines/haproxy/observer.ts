// What HAProxy says of itself, read again and again, so that whoever asks for counts or health need not wait for it.

import { numberIn, type StatRow } from '../../../../programs/haproxy/stats.ts'
import type { Upstream } from '../../contract.ts'
import { backends } from './configuration/text.ts'
import { serverName } from './server-names.ts'

export interface ServerHealth {
  id: string
  isUp: boolean
  inFlight: number
  reason?: string
}

interface Seen {
  isUp: boolean
  reason: string | undefined
}

interface Tally {
  requests: number
  errors: number
}

export class Observer {
  readonly #seen = new Map<string, Seen>()
  readonly #inFlight = new Map<string, number>()
  /** Of workers that are there. */
  #tallies = new Map<number, Tally>()
  /** Of workers that are gone. */
  #past: Tally = { requests: 0, errors: 0 }
  #underWay = 0

  /** Rows of every worker by its pid; health is what the `current` one says. */
  take(rows: ReadonlyMap<number, readonly StatRow[]>, current: number): void {
    const tallies = new Map<number, Tally>()
    this.#inFlight.clear()
    this.#underWay = 0
    for (const [pid, ofWorker] of rows) {
      const tally = { requests: 0, errors: 0 }
      tallies.set(pid, tally)
      for (const row of ofWorker) this.#takeRow(row, tally, pid === current)
    }
    for (const [pid, { requests, errors }] of this.#tallies)
      if (!tallies.has(pid))
        this.#past = { requests: this.#past.requests + requests, errors: this.#past.errors + errors }
    this.#tallies = tallies
  }

  /** Forgets servers that are not in the snapshot. */
  keepOnly(servers: readonly Upstream[]): void {
    const names = new Set(servers.map(serverName))
    for (const name of this.#seen.keys()) if (!names.has(name)) this.#seen.delete(name)
  }

  wasChecked(server: Upstream): boolean {
    return this.#seen.has(serverName(server))
  }

  healthOf(server: Upstream): ServerHealth {
    const name = serverName(server)
    // A server that nobody has looked at counts as up: the map named it ready.
    const { isUp, reason } = this.#seen.get(name) ?? { isUp: true, reason: undefined }
    const inFlight = this.#inFlight.get(name) ?? 0
    return { id: server.id, isUp, inFlight, ...(reason !== undefined && { reason }) }
  }

  /** Requests at servers or waiting for one; in mode `tcp` connections. */
  get underWay(): number {
    return this.#underWay
  }

  get totals(): Tally {
    const all = [this.#past, ...this.#tallies.values()]
    return {
      requests: all.reduce((sum, { requests }) => sum + requests, 0),
      errors: all.reduce((sum, { errors }) => sum + errors, 0),
    }
  }

  #takeRow(row: StatRow, tally: Tally, isCurrent: boolean): void {
    const proxy = row.get('pxname')
    const isServers = proxy === backends.checked || proxy === backends.all
    switch (row.get('type')) {
      case '0': // frontend
        tally.requests += row.get('mode') === 'tcp' ? numberIn(row, 'stot') : numberIn(row, 'req_tot')
        tally.errors += numberIn(row, 'hrsp_5xx')
        return
      case '1': // backend
        if (isServers) this.#underWay += numberIn(row, 'scur')
        return
      case '2': {
        const name = row.get('svname') ?? ''
        if (isServers) this.#inFlight.set(name, (this.#inFlight.get(name) ?? 0) + numberIn(row, 'scur'))
        if (isCurrent && proxy === backends.checked) this.#takeHealth(name, row)
      }
    }
  }

  #takeHealth(name: string, row: StatRow): void {
    const status = row.get('status') ?? ''
    // A star stands before the last result while the next check is under way. Who drains is not checked, and stays what it was.
    const check = (row.get('check_status') ?? '').replace(/^\* /, '')
    if (status.startsWith('MAINT') || check === '' || check === 'INI') return
    const isUp = !status.startsWith('DOWN')
    this.#seen.set(name, { isUp, reason: isUp ? undefined : reasonOf(row, check) })
  }
}

function reasonOf(row: StatRow, check: string): string {
  const chk = row.get('last_chk') ?? ''
  if (check.startsWith('L7') && numberIn(row, 'check_code') > 0)
    return `the health path answered ${row.get('check_code')}`
  // HANA: found out by a request, not by a check; with an error limit of 1 it is a connection that did not come about.
  if (/L4 unsuccessful connection/.test(chk)) return 'a connection was refused or did not come about'
  return [row.get('check_desc'), chk].filter(Boolean).join(': ') || check
}
