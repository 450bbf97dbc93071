// The server of a directory, told by the operating system and not by the one who started it: that one may be gone before the
// server has written down its pid, and the server goes on, with its port and its directory.

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { isProcessAlive } from './process.ts'
import { processesWorkingIn, worksIn } from './working-in.ts'

/** What every server of a directory has there. */
export interface ServerFiles {
  /** The server works in it, and nobody else does. */
  dir: string
  configuration: string
  /** Written by the server some moments after its start, removed when it stops in order. */
  pid: string
  log: string
}

export interface ServerProgram {
  /** As people call it. */
  name: string
  /** As its file is called, in whatever folder that is. */
  file: string
  argumentsFor(files: ServerFiles): string[]
}

/** Whoever started it; undefined when none runs. One that is paused counts as running, and so does one that only begins. */
export function findServer(program: ServerProgram, files: ServerFiles): number | undefined {
  const told = toldPid(files)
  if (told !== undefined && isServerOf(told, program, files)) return told
  if (process.platform === 'linux') return processesWorkingIn(files.dir).find((pid) => isRunning(program, pid))
  const lines = ps('-axo', 'pid=,command=').split('\n')
  const own = lines.find((line) => isCommandOf(line.trimEnd(), program, files))
  return own === undefined ? undefined : Number.parseInt(own, 10)
}

/** A pid that was noted some time ago may belong to another program by now, and to no server of that directory. */
export function isServerOf(pid: number, program: ServerProgram, files: ServerFiles): boolean {
  if (!isProcessAlive(pid)) return false
  if (process.platform === 'linux') return worksIn(pid, files.dir) && isRunning(program, pid)
  return isCommandOf(ps('-o', 'command=', '-p', String(pid)).trimEnd(), program, files)
}

function toldPid({ pid: path }: ServerFiles): number | undefined {
  try {
    const pid = Number.parseInt(readFileSync(path, 'latin1'), 10)
    return Number.isSafeInteger(pid) && pid > 0 ? pid : undefined
  } catch {
    return undefined
  }
}

/**
 * By its first word: somebody's shell may stand in the directory, too, and a server's own children, which write its files, have
 * other titles. A title is one word to the system, also where it has spaces.
 */
function isRunning({ file }: ServerProgram, pid: number): boolean {
  try {
    const [title = ''] = readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0')
    return `/${title} `.includes(`/${file} `)
  } catch {
    return false
  }
}

/** Where nobody tells in which directory a process works, its arguments do. */
function isCommandOf(line: string, program: ServerProgram, files: ServerFiles): boolean {
  return line.endsWith(`/${program.file} ${program.argumentsFor(files).join(' ')}`)
}

function ps(...words: string[]): string {
  try {
    return execFileSync('ps', ['-ww', ...words], { encoding: 'utf8' })
  } catch {
    return '' // it ends badly when there is no such process
  }
}
