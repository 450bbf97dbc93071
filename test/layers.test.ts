// The direction of imports in src/: a file imports from its own folder or from one above it in the list, and there are no
// circles. Type imports count. The checker proves on planted violations that it sees what it forbids.

import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { test } from 'node:test'

const floors = [
  'base',
  'net',
  'topology',
  'map',
  'programs',
  'tiers',
  'processes',
  'plan',
  'supervisor',
  'control',
  'estimate',
  'tour',
  'dashboard',
  'cli',
]
const tiers = ['dns', 'edge', 'balancer', 'web', 'session', 'cache', 'database', 'queue', 'telemetry']
/** Files at the top of src/: the front doors, which may name what they export. */
const frontDoors = ['index.ts', 'testing.ts', 'session-store.ts', 'keyv.ts']

type Sources = ReadonlyMap<string, string>

test('imports go one way through the floors of src/ and no tier reaches into another', () => {
  assert.deepEqual(findViolations(readSources()), [])
})

test('no file imports itself in a circle, types included', () => {
  assert.deepEqual(findCircles(readSources()), [])
})

test('the checker sees an import that goes up, one into another tier, one of an engine, a circle, and a file that is not there', () => {
  const planted = new Map([
    ['base/a.ts', "import { b } from '../supervisor/b.ts'"],
    ['supervisor/b.ts', 'export const b = 1'],
    ['tiers/web/a.ts', "import type { C } from '../cache/cache.ts'"],
    ['tiers/cache/cache.ts', "export type { E } from './engines/memory/engine.ts'"],
    ['tiers/cache/engines/memory/engine.ts', "export type E = import('../../contract.ts').C"],
    ['tiers/cache/contract.ts', "import { x } from '../web/contract.ts'"],
    ['tiers/web/contract.ts', "export * from './circle.ts'"],
    ['tiers/web/circle.ts', "await import('./contract.ts')"],
    ['plan/a.ts', "import '../tiers/cache/engines/memory/engine.ts'\nimport './missing.ts'"],
  ])
  const violations = findViolations(planted).join('\n')
  for (const expected of [
    /base\/a\.ts may not import supervisor/,
    /tiers\/web\/a\.ts may name only contract\.ts of tier cache/,
    /tiers\/cache\/contract\.ts may not import the earlier tier web/,
    /plan\/a\.ts may not name an engine/,
    /plan\/a\.ts imports plan\/missing\.ts, which is not there/,
    /tiers\/cache\/cache\.ts may not name an engine/,
  ])
    assert.match(violations, expected)
  assert.equal(findCircles(planted).length, 1)
})

function readSources(): Sources {
  const files = globSync('**/*.{ts,tsx}', { cwd: 'src' }).filter((file) => !isTest(file))
  assert.ok(files.length > 50, 'the sources were not found')
  return new Map(files.map((file) => [file, readFileSync(join('src', file), 'utf8')]))
}

function isTest(file: string): boolean {
  return (
    file.endsWith('.test.ts') ||
    file.split('/').includes('testing') ||
    file.endsWith('/testing.ts') ||
    file.endsWith('conformance.ts')
  )
}

function importsOf(file: string, source: string): string[] {
  const specifiers = [...source.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*'(\.{1,2}\/[^']+)'/g)]
  return specifiers
    .map(([, specifier]) => normalize(join(dirname(file), specifier as string)))
    .filter((path) => /\.tsx?$/.test(path))
}

function findViolations(sources: Sources): string[] {
  return [...sources].flatMap(([file, source]) =>
    importsOf(file, source).flatMap((target) => {
      if (!sources.has(target)) return isTest(target) ? [] : [`${file} imports ${target}, which is not there`]
      const reason = frontDoors.includes(file) ? undefined : forbids(file, target)
      return reason ? [reason] : []
    }),
  )
}

function forbids(file: string, target: string): string | undefined {
  const [from = '', to = ''] = [file.split('/')[0], target.split('/')[0]]
  if (!floors.includes(from)) return `${file} lies on no floor; floors are ${floors.join(', ')}`
  if (floors.indexOf(to) > floors.indexOf(from) || !floors.includes(to)) return `${file} may not import ${to}`
  if (to !== 'tiers') return undefined
  const [, fromTier, fromKind] = file.split('/')
  const [, toTier, toKind] = target.split('/')
  const isOwnTier = from === 'tiers' && fromTier === toTier
  if (toKind === 'engines' && !(isOwnTier && fromKind === 'engines') && from !== 'processes' && from !== 'supervisor')
    return `${file} may not name an engine (${target})`
  if (from !== 'tiers' || isOwnTier) return undefined
  // An engine stands on whatever tier it is built of; everything else of a tier looks down the path of a request.
  if (fromKind !== 'engines' && tiers.indexOf(toTier as string) < tiers.indexOf(fromTier as string))
    return `${file} may not import the earlier tier ${toTier}`
  return target.endsWith('/contract.ts') ? undefined : `${file} may name only contract.ts of tier ${toTier}`
}

/** One entry for each group of files that reach each other (Tarjan, "Depth-first search and linear graph algorithms", 1972). */
function findCircles(sources: Sources): string[] {
  const index = new Map<string, number>()
  const low = new Map<string, number>()
  const stack: string[] = []
  const circles: string[] = []
  const visit = (file: string) => {
    index.set(file, index.size)
    low.set(file, index.get(file) as number)
    stack.push(file)
    for (const target of importsOf(file, sources.get(file) ?? '').filter((path) => sources.has(path))) {
      if (!index.has(target)) visit(target)
      if (stack.includes(target)) low.set(file, Math.min(low.get(file) as number, low.get(target) as number))
    }
    if (low.get(file) !== index.get(file)) return
    const group = stack.splice(stack.indexOf(file))
    if (group.length > 1) circles.push(group.join(' -> '))
  }
  for (const file of sources.keys()) if (!index.has(file)) visit(file)
  return circles
}
