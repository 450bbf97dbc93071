// A whole system for tests, started and steered by the real command line, on ports and data of its own.

import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { waitUntil } from '../src/base/limits.ts'
import type { Status } from '../src/control/api.ts'
import { ControlClient } from '../src/control/client.ts'
import { isProcessAlive } from '../src/programs/process.ts'

export const repository = join(import.meta.dirname, '..')
const sampleApp = join(repository, 'examples/photos')
const commandTimeoutMs = 120_000
/** Below the ports of Redis servers under test and those of outgoing connections, and without 10080, which fetch refuses. */
const portBases = { from: 10_200, to: 22_000, step: 200 }
/** Which test file has which ports: those of a system that is down for a while look free to the file beside it. */
const reservations = join(tmpdir(), 'tenfold-test-ports')

/** Of an app that a test makes up: its files by their names, objects as JSON. */
type AppFiles = Record<string, string | object>

export interface Said {
  code: number
  stdout: string
  stderr: string
}

export class RunningSystem implements AsyncDisposable {
  readonly dir: string
  readonly appDir: string
  readonly portBase: number
  /** Whether the app was made for this system, and goes with it. */
  readonly #isAppOwn: boolean
  #client: ControlClient | undefined

  private constructor(dir: string, appDir: string, portBase: number, isAppOwn: boolean) {
    this.dir = dir
    this.appDir = appDir
    this.portBase = portBase
    this.#isAppOwn = isAppOwn
  }

  /** Ports and a directory, nothing started. */
  static async prepare(app: string | AppFiles = sampleApp): Promise<RunningSystem> {
    const isOwn = typeof app !== 'string'
    const appDir = isOwn ? await mkdtemp(join(tmpdir(), 'tenfold-app-')) : app
    const dir = await mkdtemp(join(tmpdir(), 'tenfold-system-'))
    const system = new RunningSystem(dir, appDir, await freePortBase(), isOwn)
    for (const [name, content] of Object.entries(isOwn ? app : {})) await system.writeApp(name, content)
    return system
  }

  /** `tenfold up --detach` with more words, of the sample app unless told otherwise. */
  static async up(app: string | AppFiles = sampleApp, ...words: string[]): Promise<RunningSystem> {
    const system = await RunningSystem.prepare(app)
    try {
      await system.tenfold('up', '--detach', ...words)
      return system
    } catch (error) {
      await system.down()
      throw error
    }
  }

  /** One more file of an app that was made for this system, or another version of one. */
  async writeApp(name: string, content: string | object): Promise<void> {
    if (!this.#isAppOwn) throw new Error(`${this.appDir} is not this test's to write in`)
    const path = join(this.appDir, name)
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content))
  }

  /** Runs one command; rejects when it does not end well. */
  async tenfold(...words: string[]): Promise<Said> {
    const said = await this.tryTenfold(...words)
    if (said.code === 0) return said
    throw new Error(`tenfold ${words.join(' ')} ended with ${said.code}:\n${said.stderr}${said.stdout}`)
  }

  tryTenfold(...words: string[]): Promise<Said> {
    const options = { cwd: repository, timeout: commandTimeoutMs, maxBuffer: 2 ** 26 }
    return new Promise((resolve) => {
      const child = execFile(
        process.execPath,
        [...this.command, ...words, ...this.where],
        options,
        (error, stdout, stderr) => {
          resolve({ code: child.exitCode ?? (error ? 1 : 0), stdout, stderr })
        },
      )
    })
  }

  /** What Node is given to run the command line. */
  readonly command = ['-C', 'source', join(repository, 'bin/tenfold.js')]

  /** The options that name this system. */
  get where(): string[] {
    return ['--app', this.appDir, '--data', this.dir, '--port-base', String(this.portBase)]
  }

  get appUrl(): string {
    return `http://127.0.0.1:${this.portBase + 80}`
  }

  async client(): Promise<ControlClient> {
    const token = (await readFile(join(this.dir, 'token'), 'utf8')).trim()
    this.#client ??= new ControlClient(`http://127.0.0.1:${this.portBase + 70}`, token)
    return this.#client
  }

  async status(): Promise<Status> {
    return (await this.client()).status()
  }

  /** The status as soon as it is as wanted; while no supervisor answers, it is not. */
  waitStatus(what: string, isSo: (status: Status) => boolean, timeoutMs = 60_000, intervalMs = 10): Promise<Status> {
    const look = async () => {
      const status = await this.status()
      return isSo(status) && status
    }
    return waitUntil(look, { what, timeoutMs, intervalMs })
  }

  async down(): Promise<void> {
    await this.tryTenfold('down', '--erase')
    await rm(this.dir, { recursive: true, force: true, maxRetries: 5 })
    if (this.#isAppOwn) await rm(this.appDir, { recursive: true, force: true })
    await rm(join(reservations, String(this.portBase)), { force: true })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.down()
  }
}

async function freePortBase(): Promise<number> {
  const { from, to, step } = portBases
  const count = (to - from) / step
  const first = Math.floor(Math.random() * count)
  for (let n = 0; n < count; n++) {
    const base = from + ((first + n) % count) * step
    const ports = [base + 443, base + 53, base + 70, base + 80, base + 100, base + 101, base + 102]
    if ((await reserve(base)) && (await Promise.all(ports.map(isFree))).every(Boolean)) return base
  }
  throw new Error(`no free ports from ${from} to ${to}`)
}

/** For this process, until `down` or its end. */
async function reserve(base: number): Promise<boolean> {
  const file = join(reservations, String(base))
  await mkdir(reservations, { recursive: true })
  const owner = Number(await readFile(file, 'utf8').catch(() => '0'))
  if (owner > 0 && isProcessAlive(owner)) return false
  await rm(file, { force: true })
  const isMade = writeFile(file, String(process.pid), { flag: 'wx' })
  return isMade.then(
    () => true,
    () => false, // another one was quicker
  )
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
  })
}
