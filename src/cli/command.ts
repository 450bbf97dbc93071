// What a command is, and which system it acts on.

import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ParseArgsConfig } from 'node:util'
import { TenfoldError } from '../base/errors.ts'
import { ControlClient } from '../control/client.ts'
import { controlPortOffset } from '../control/status.ts'
import { type Home, homeOf } from '../map/home.ts'
import { readMap } from '../map/store.ts'

export type Options = NonNullable<ParseArgsConfig['options']>
export type Values = Record<string, string | boolean | undefined>

export interface Command {
  /** One word, or two: `db backup`. */
  name: string
  /** What follows the name, e.g. `NODE [--grep S]`. */
  usage: string
  summary: string
  /** What `--help` says beyond it: units, limits, when it returns. */
  details?: string
  options?: Options
  /** The least and the most words after the name. */
  words?: [number, number]
  run(target: TargetSystem, words: string[], values: Values): Promise<void>
}

/** Wrong usage: exit code 2. */
export class UsageError extends Error {
  override name = 'UsageError'
}

export const commonOptions = {
  app: { type: 'string' },
  data: { type: 'string' },
  'port-base': { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} satisfies Options

const defaultPortBase = 8000

/** The system that a command acts on, and how it answers. */
export class TargetSystem {
  readonly appDir: string
  readonly home: Home
  readonly isJson: boolean
  readonly #portBase: number | undefined

  constructor(values: Values) {
    this.appDir = resolve(typeof values['app'] === 'string' ? values['app'] : defaultAppDir())
    this.home = homeOf(typeof values['data'] === 'string' ? values['data'] : join(this.appDir, '.tenfold'))
    this.isJson = values['json'] === true
    this.#portBase = values['port-base'] === undefined ? undefined : portOf(String(values['port-base']))
  }

  /** As told, else as the system was started, else 8000. */
  async portBase(): Promise<number> {
    if (this.#portBase !== undefined) return this.#portBase
    const map = await readMap(this.home.map).catch(() => undefined)
    return map?.portBase ?? defaultPortBase
  }

  async token(): Promise<string> {
    const token = await readFile(this.home.token, 'utf8').catch(() => undefined)
    if (token === undefined)
      throw new TenfoldError('not-running', `no system at ${this.home.dir}; start one with \`tenfold up\``)
    return token.trim()
  }

  async client(): Promise<ControlClient> {
    return new ControlClient(`http://127.0.0.1:${(await this.portBase()) + controlPortOffset}`, await this.token())
  }

  /** The command's answer: the value as JSON, or the text for people. */
  print(value: unknown, text: string): void {
    process.stdout.write(this.isJson ? `${JSON.stringify(value)}\n` : text === '' ? '' : `${text}\n`)
  }

  /** What is on the way: to stderr, so that stdout stays the answer. */
  note(text: string): void {
    process.stderr.write(`${text}\n`)
  }
}

export function wholeNumber(text: string | undefined, what: string): number {
  if (text === undefined || !/^\d+$/.test(text))
    throw new UsageError(`${what} must be a whole number, got ${JSON.stringify(text)}`)
  return Number(text)
}

function portOf(text: string): number {
  const port = wholeNumber(text, '--port-base')
  if (port < 1024 || port > 64_000) throw new UsageError(`--port-base must be from 1024 to 64000, got ${port}`)
  return port
}

/** The directory we are in when it is an app's, else the sample app of this repository. */
function defaultAppDir(): string {
  if (existsSync('app.ts') || existsSync('topology.ts')) return '.'
  const sample = join(dirname(fileURLToPath(import.meta.url)), '../../examples/photos')
  return existsSync(sample) ? sample : '.'
}
