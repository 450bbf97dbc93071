// `tenfold doctor`: whether this machine can run a system, and what to do where it cannot.

import { constants } from 'node:fs'
import { access, mkdir, statfs } from 'node:fs/promises'
import { BoundSocket } from 'node:net'
import { availableParallelism, totalmem } from 'node:os'
import { delimiter, join } from 'node:path'
import { describeError } from '../base/errors.ts'
import { appPortOffset, controlPortOffset, readSupervisorRecord } from '../control/status.ts'
import { findHaproxy } from '../programs/haproxy/binary.ts'
import { findNats } from '../programs/nats/binary.ts'
import { syncsAlways } from '../programs/nats/contract.ts'
import { findPostgres } from '../programs/postgres/binaries.ts'
import { findRedis } from '../programs/redis/binary.ts'
import type { Command, TargetSystem } from './command.ts'

interface Finding {
  what: string
  /** missing: a later rung or a test needs it; failed: rungs 1 to 4 do not run without it. */
  state: 'ok' | 'missing' | 'failed'
  detail: string
}

/** Programs that tests use, with the packages that bring them. */
const programs = [
  { name: 'chromium', purpose: "the dashboard's browser test", apt: 'chromium', brew: '--cask chromium' },
]
const freeBytesMin = 2 * 1024 ** 3

export const doctor: Command = {
  name: 'doctor',
  usage: '',
  summary: 'programs found, ports, limits, what is missing and how to get it',
  async run(target) {
    const findings = [
      checkNode(),
      await checkPostgres(),
      await checkDirectory(target),
      await checkDisk(target),
      ...(await checkPorts(target)),
      checkHosts(),
      {
        what: 'machine',
        state: 'ok',
        detail: `${availableParallelism()} cores, ${Math.round(totalmem() / 2 ** 30)} GiB`,
      } as const,
      await checkHaproxy(),
      await checkRedis(),
      await checkNats(),
      ...(await Promise.all(programs.map(checkProgram))),
    ]
    target.print(findings, findings.map(describe).join('\n'))
    if (findings.some((finding) => finding.state === 'failed')) process.exitCode = 1
  },
}

function checkNode(): Finding {
  return { what: 'Node', state: 'ok', detail: `${process.version} at ${process.execPath}` }
}

async function checkPostgres(): Promise<Finding> {
  try {
    const { version, postgres } = await findPostgres()
    return { what: 'PostgreSQL', state: 'ok', detail: `${version} at ${postgres}` }
  } catch (error) {
    return { what: 'PostgreSQL', state: 'failed', detail: describeError(error) }
  }
}

async function checkDirectory(target: TargetSystem): Promise<Finding> {
  try {
    await mkdir(target.home.dir, { recursive: true })
    await access(target.home.dir, constants.W_OK)
    return { what: 'data directory', state: 'ok', detail: target.home.dir }
  } catch (error) {
    return {
      what: 'data directory',
      state: 'failed',
      detail: `${target.home.dir} cannot be written: ${describeError(error)}; choose --data DIR`,
    }
  }
}

async function checkDisk(target: TargetSystem): Promise<Finding> {
  const { bavail, bsize } = await statfs(target.home.dir)
  const free = bavail * bsize
  const detail = `${(free / 1024 ** 3).toFixed(1)} GiB free at ${target.home.dir}`
  return { what: 'disk', state: free >= freeBytesMin ? 'ok' : 'failed', detail }
}

async function checkPorts(target: TargetSystem): Promise<Finding[]> {
  const base = await target.portBase()
  const isRunning = (await readSupervisorRecord(target.home)) !== undefined
  return [
    { what: 'app port', port: base + appPortOffset },
    { what: 'control port', port: base + controlPortOffset },
  ].map(({ what, port }) => {
    if (isRunning) return { what, state: 'ok', detail: `${port}, used by this system` }
    try {
      new BoundSocket({ host: '127.0.0.1', port }).close()
      return { what, state: 'ok', detail: `${port} is free` }
    } catch {
      return { what, state: 'failed', detail: `${port} is taken by another program; stop it or choose --port-base` }
    }
  })
}

/** Linux answers on all of 127.0.0.0/8; elsewhere hosts of one machine differ in ports only. */
function checkHosts(): Finding {
  try {
    new BoundSocket({ host: '127.0.0.2', port: 0 }).close()
    return { what: 'host addresses', state: 'ok', detail: '127.0.0.0/8: each host gets an address of its own' }
  } catch {
    return { what: 'host addresses', state: 'ok', detail: 'only 127.0.0.1 here: hosts differ in ports' }
  }
}

/** It is looked for where fronts look: Debian keeps it in a directory that people do not have in their PATH. */
async function checkHaproxy(): Promise<Finding> {
  try {
    const { version, path } = await findHaproxy()
    return { what: 'haproxy', state: 'ok', detail: `${version} at ${path}` }
  } catch (error) {
    return { what: 'haproxy', state: 'missing', detail: `for front.engine haproxy: ${describeError(error)}` }
  }
}

/** Looked for where the supervisor looks, and in a version that will do. */
async function checkRedis(): Promise<Finding> {
  try {
    const { version, path } = await findRedis()
    return { what: 'redis-server', state: 'ok', detail: `${version} at ${path}` }
  } catch (error) {
    return { what: 'redis-server', state: 'missing', detail: `for the cache tier (rung 5): ${describeError(error)}` }
  }
}

/** As for Redis; what an older one does not promise is said here, before anybody relies on it. */
async function checkNats(): Promise<Finding> {
  try {
    const { version, path } = await findNats()
    const weakness = '; before 2.10 a machine that goes down may lose the last two minutes of what it alone had'
    return {
      what: 'nats-server',
      state: 'ok',
      detail: `${version} at ${path}${syncsAlways(version) ? '' : weakness}`,
    }
  } catch (error) {
    return { what: 'nats-server', state: 'missing', detail: `for the message queue (rung 9): ${describeError(error)}` }
  }
}

async function checkProgram({ name, purpose, apt, brew }: (typeof programs)[number]): Promise<Finding> {
  for (const dir of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(dir, name)
    if (
      await access(path, constants.X_OK).then(
        () => true,
        () => false,
      )
    )
      return { what: name, state: 'ok', detail: path }
  }
  return { what: name, state: 'missing', detail: `for the ${purpose}: apt install ${apt}, or brew install ${brew}` }
}

function describe({ what, state, detail }: Finding): string {
  return `${{ ok: 'ok     ', missing: 'missing', failed: 'FAILED ' }[state]} ${what.padEnd(16)} ${detail}`
}
