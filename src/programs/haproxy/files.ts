// What one HAProxy of ours has on disk: its configuration, and the sockets by which it is asked and told. Whoever has the
// directory can command it, so it is closed to everybody else.

import { createHash } from 'node:crypto'
import { lstat, mkdir, rename, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { TenfoldError } from '../../base/errors.ts'

export interface HaproxyFiles {
  dir: string
  configuration: string
  /** What HAProxy says about itself. */
  log: string
  /**
   * Health of the servers, written before a reload and read by the worker that it starts. In a directory without anything that
   * configurations and commands take for their own; what else they name belongs beside it.
   */
  serverState: string
  /** Of the master process: which workers there are, reload. */
  masterSocket: string
  /** Of the worker that takes connections now. */
  runtimeSocket: string
}

/** sun_path on macOS, with the random ending that HAProxy binds under before it renames. */
const socketPathBytesMax = 103 - 16

/** Without what ends a word, a value or an argument in a configuration, a command, or the arguments of the program. */
const isPlain = /^[^\s'"\\,()#]*$/

export function haproxyFilesOf(directory: string): HaproxyFiles {
  const dir = resolve(directory)
  const plain = isPlain.test(dir) ? dir : temporaryDirOf(dir)
  const sockets = socketDirOf(plain, dir)
  return {
    dir,
    configuration: join(dir, 'haproxy.cfg'),
    log: join(dir, 'haproxy.log'),
    serverState: join(plain, 'servers.state'),
    masterSocket: join(sockets, 'master.sock'),
    runtimeSocket: join(sockets, 'runtime.sock'),
  }
}

/** @throws unauthorized when one of them is somebody else's: in the temporary directory anybody can be there first. */
export async function makeHaproxyDirs({ dir, masterSocket, serverState }: HaproxyFiles): Promise<void> {
  for (const path of new Set([dir, dirname(masterSocket), dirname(serverState)])) {
    await mkdir(path, { recursive: true, mode: 0o700 })
    const { uid, mode } = await lstat(path)
    if (process.getuid && (uid !== process.getuid() || (mode & 0o077) !== 0))
      throw new TenfoldError(
        'unauthorized',
        `${path} can be entered by others; who can reach HAProxy's sockets commands it`,
        {
          details: { path, uid, mode: (mode & 0o777).toString(8) },
        },
      )
  }
}

/** Whole or not at all, and for its owner only. */
export async function writeWhole(path: string, text: string): Promise<void> {
  const fresh = `${path}.new`
  try {
    await writeFile(fresh, text, { mode: 0o600 })
    await rename(fresh, path)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code === 'ENOSPC' ? 'disk-full' : 'program-failed'
    throw new TenfoldError(code, `cannot write ${path}`, { cause: error })
  }
}

/** Below a deep directory sockets live in the temporary one: their paths may not be long. */
function socketDirOf(plain: string, dir: string): string {
  return Buffer.byteLength(join(plain, 'runtime.sock')) <= socketPathBytesMax ? plain : temporaryDirOf(dir)
}

function temporaryDirOf(dir: string): string {
  return join(tmpdir(), `tenfold-haproxy-${createHash('sha256').update(dir).digest('hex').slice(0, 12)}`)
}
