// A whole system for tests, started and steered by the real command line, on ports and data of its own.

import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { waitUntil } from '../../src/base/limits.ts'
import type { Status } from '../../src/control/api.ts'
import { ControlClient } from '../../src/control/client.ts'

const repository = join(import.meta.dirname, '../..')
const commandTimeoutMs = 120_000
/** Below the range from which the kernel takes ports for outgoing connections. */
const portBases = { from: 10_000, to: 32_000, step: 200 }

export interface Said {
  code: number
  stdout: string
  stderr: string
}

export class RunningSystem {
  readonly #dir: string
  readonly #portBase: number
  #client: ControlClient | undefined

  private constructor(dir: string, portBase: number) {
    this.#dir = dir
    this.#portBase = portBase
  }

  /** `tenfold up --detach` of the sample app. */
  static async up(): Promise<RunningSystem> {
    const system = new RunningSystem(await mkdtemp(join(tmpdir(), 'tenfold-climb-')), await freePortBase())
    try {
      await system.tenfold('up', '--detach')
      return system
    } catch (error) {
      await system.down()
      throw error
    }
  }

  /** Runs one command; rejects when it does not end well. */
  async tenfold(...words: string[]): Promise<Said> {
    const said = await this.tryTenfold(...words)
    if (said.code === 0) return said
    throw new Error(`tenfold ${words.join(' ')} ended with ${said.code}:\n${said.stderr}${said.stdout}`)
  }

  tryTenfold(...words: string[]): Promise<Said> {
    const where = ['--app', 'examples/photos', '--data', this.#dir, '--port-base', String(this.#portBase)]
    const args = ['-C', 'source', 'bin/tenfold.js', ...words, ...where]
    const options = { cwd: repository, timeout: commandTimeoutMs, maxBuffer: 2 ** 26 }
    return new Promise((resolve) => {
      const child = execFile(process.execPath, args, options, (error, stdout, stderr) => {
        resolve({ code: child.exitCode ?? (error ? 1 : 0), stdout, stderr })
      })
    })
  }

  async status(): Promise<Status> {
    const client = this.#client ?? (await this.#connect())
    this.#client = client
    return client.status()
  }

  /** The status as soon as it is as wanted; while no supervisor answers, it is not. */
  waitStatus(what: string, isSo: (status: Status) => boolean, timeoutMs = 60_000): Promise<Status> {
    const look = async () => {
      const status = await this.status()
      return isSo(status) && status
    }
    return waitUntil(look, { what, timeoutMs, intervalMs: 10 })
  }

  async down(): Promise<void> {
    await this.tryTenfold('down')
    await rm(this.#dir, { recursive: true, force: true, maxRetries: 5 })
  }

  async #connect(): Promise<ControlClient> {
    const { stdout } = await this.tenfold('status', '--json')
    const { urls } = JSON.parse(stdout) as Status
    return new ControlClient(urls.control, (await readFile(join(this.#dir, 'token'), 'utf8')).trim())
  }
}

async function freePortBase(): Promise<number> {
  const { from, to, step } = portBases
  const first = from + Math.floor(Math.random() * ((to - from) / step)) * step
  for (let base = first; base < to; base += step) {
    const ports = [base + 53, base + 70, base + 80, base + 100, base + 101, base + 102]
    if ((await Promise.all(ports.map(isFree))).every(Boolean)) return base
  }
  throw new Error(`no free ports from ${first} to ${to}`)
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
  })
}
