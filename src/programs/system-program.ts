// Programs that are packages of the system, since none of npm carries them: where one is, and whether it is new enough.

import { execFile } from 'node:child_process'
import { access, constants } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { TenfoldError } from '../base/errors.ts'

export interface SystemProgram {
  /** As people call it, and as its file is called. */
  name: string
  file: string
  /** What makes it say its version, and where that stands in what it says. */
  versionArgument: string
  version: RegExp
  /** The oldest that has all we ask of it. */
  oldest: readonly [major: number, minor: number]
  /** Beside PATH, where a service's environment may lack them. */
  furtherDirs: readonly string[]
  howToGet: string
}

export interface FoundProgram {
  path: string
  version: string
}

const versionTimeoutMs = 10_000

/** @throws program-missing when there is none in these directories, it does not run, or it is too old. */
export async function findProgram(program: SystemProgram, searched = usualDirs(program)): Promise<FoundProgram> {
  const dirs = searched.filter((dir) => dir !== '')
  const path = await firstExecutable(dirs.map((dir) => join(dir, program.file)))
  if (path !== undefined) return checkProgram(program, path)
  throw new TenfoldError('program-missing', `${program.name} is not installed: ${program.howToGet}`, {
    details: { searched: dirs },
  })
}

/** @throws program-missing when `path` does not run, is another program, or is too old. */
export async function checkProgram(program: SystemProgram, path: string): Promise<FoundProgram> {
  const { name, oldest, howToGet } = program
  const version = await versionOf(program, path)
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major > oldest[0] || (major === oldest[0] && minor >= oldest[1])) return { path, version }
  throw new TenfoldError(
    'program-missing',
    `${name} at ${path} is ${version}, and ${oldest.join('.')} or newer is needed: ${howToGet}`,
    { details: { path, version } },
  )
}

async function firstExecutable(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    const isThere = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    )
    if (isThere) return path
  }
  return undefined
}

function usualDirs({ furtherDirs }: SystemProgram): readonly string[] {
  return [...(process.env['PATH'] ?? '').split(delimiter), ...furtherDirs]
}

async function versionOf({ name, versionArgument, version, howToGet }: SystemProgram, path: string): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(path, [versionArgument], { timeout: versionTimeoutMs })
    const [, found] = version.exec(stdout) ?? []
    if (found === undefined) throw new TenfoldError('program-failed', `it says ${JSON.stringify(stdout.slice(0, 80))}`)
    return found
  } catch (error) {
    throw new TenfoldError('program-missing', `${path} does not run, or is not ${name}: ${howToGet}`, { cause: error })
  }
}
