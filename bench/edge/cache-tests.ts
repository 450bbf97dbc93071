// Runs http-tests/cache-tests, the suite by which HTTP caches are compared, against the edge.
//
//     node -C source bench/edge/cache-tests.ts [--suite DIR] [--only TEST] [--json]
//
// DIR is a clone of https://github.com/http-tests/cache-tests; without it one is made in the temporary directory. About a
// minute. The exit code is 1 when a test of kind "required" fails, or when no more are passed than by the best peer that was
// measured (Apache Traffic Server 9.2: 206 of 265 required and optimal ones).

import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { waitUntil } from '../../src/base/limits.ts'
import { openFront } from './front.ts'

const repository = 'https://github.com/http-tests/cache-tests.git'
const bestPeer = 206

interface Test {
  id: string
  name: string
  kind?: 'required' | 'optimal' | 'check'
  browser_only?: boolean
}

interface Suite {
  id: string
  tests: Test[]
}

type Results = Record<string, true | [kind: string, message: string]>

const { values } = parseArgs({
  options: { suite: { type: 'string' }, only: { type: 'string' }, json: { type: 'boolean', default: false } },
})

const directory = await mkdtemp(join(tmpdir(), 'cache-tests-'))
try {
  await run(values.suite ?? (await clone(join(directory, 'suite'))))
} finally {
  await rm(directory, { recursive: true, force: true })
}

async function run(suite: string): Promise<void> {
  const preload = ['--no-warnings', '--import', join(import.meta.dirname, 'suite-process.ts')]
  const port = await freePort()
  const server = spawn(process.execPath, [...preload, 'test-engine/server/server.mjs'], {
    cwd: suite,
    env: {
      ...process.env,
      npm_config_protocol: 'http',
      npm_config_port: String(port),
      npm_config_pidfile: join(directory, 'pid'),
    },
    stdio: 'ignore',
  })
  const exit = once(server, 'exit')
  try {
    await waitUntil(() => fetch(`http://127.0.0.1:${port}/`).then(() => true), { what: 'the suite', timeoutMs: 10_000 })
    const front = await openFront(port)
    const env = { ...process.env, npm_config_base: `http://127.0.0.1:${front.port}`, npm_config_id: values.only ?? '' }
    const client = await promisify(execFile)(process.execPath, [...preload, 'test-engine/cli.mjs'], {
      ...{ cwd: suite, env: { ...env, npm_package_config_id: '' }, maxBuffer: 64 * 1024 * 1024 },
    })
    await front.close()
    if (values.only === undefined) await report(suite, JSON.parse(client.stdout) as Results)
    else console.log(client.stdout)
  } finally {
    server.kill()
    await exit
  }
}

async function report(suite: string, results: Results): Promise<void> {
  const { default: suites } = (await import(join(suite, 'tests/index.mjs'))) as { default: Suite[] }
  const { determineTestResult, resultTypes } = await import(join(suite, 'test-engine/lib/results.mjs'))
  const nameOf = (id: string): string => {
    const found = determineTestResult(suites, id, results)
    return Object.entries(resultTypes).find(([, type]) => type === found)?.[0] ?? 'unknown'
  }
  const tests = suites.flatMap((group) =>
    group.tests
      .filter((test) => test.browser_only !== true)
      .map(({ id, name, kind = 'required' }) => {
        const said = results[id]
        return { suite: group.id, id, name, kind, result: nameOf(id), said: said === true ? '' : (said?.[1] ?? '') }
      }),
  )
  const counted = (kind: string, result: string) =>
    tests.filter((test) => test.kind === kind && test.result === result).length
  const total = tests.filter(({ kind }) => kind !== 'check').length
  const score = {
    passed: counted('required', 'pass') + counted('optimal', 'pass'),
    of: total,
    required: counted('required', 'pass'),
    requiredFailed: counted('required', 'fail'),
    optimal: counted('optimal', 'pass'),
    surveyYes: counted('check', 'yes'),
    version: await versionOf(suite),
  }
  const missed = tests.filter(({ result }) => result !== 'pass' && result !== 'yes')
  if (values.json) console.log(JSON.stringify({ ...score, missed }, undefined, 2))
  else {
    for (const { suite: group, id, kind, result, said } of missed)
      console.log(`${group} | ${id} | ${kind} | ${result} | ${said}`)
    console.log(
      `${score.passed} of ${score.of} passed; required: ${score.requiredFailed} failed; survey: ${score.surveyYes} yes`,
    )
  }
  if (score.requiredFailed > 0 || score.passed <= bestPeer) process.exitCode = 1
}

async function versionOf(suite: string): Promise<string> {
  return (JSON.parse(await readFile(join(suite, 'package.json'), 'utf8')) as { version: string }).version
}

async function clone(into: string): Promise<string> {
  await promisify(execFile)('git', ['clone', '--quiet', '--depth', '1', repository, into])
  return into
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as { port: number }
  probe.close()
  await once(probe, 'close')
  return port
}
