// `npm test`: every test file of the tree, or those given. Plain JavaScript, so that it starts before anything is built.
import { spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { join } from 'node:path'

const given = process.argv.slice(2)
const files =
  given.length > 0
    ? given
    : globSync(['{src,test,examples,bench}/**/*.test.ts'], { exclude: ['**/node_modules/**'] }).sort()
if (files.length === 0) {
  console.error('no test file was found')
  process.exit(1)
}
// A test that hangs fails, and says which one it was; the longest file takes a third of this on a loaded machine.
const timeoutMs = 300_000
// Most of them start servers and wait: four at once keep two cores busy, the smallest machine that counts. Those under test/ put a
// fixed load on whole systems, and are in each other's way with more than two.
const isWhole = (file) => file.startsWith('test')
const runs = [
  { atOnce: 4, files: files.filter((file) => !isWhole(file)) },
  { atOnce: 2, files: files.filter(isWhole) },
]
const reporter = (name) => [`--test-reporter=${name}`, '--test-reporter-destination=stdout']
let worst = 0
for (const { atOnce, files: its } of runs.filter((run) => run.files.length > 0)) {
  const { status } = spawnSync(
    process.execPath,
    [
      ...['-C', 'source', '--test', `--test-concurrency=${atOnce}`, `--test-timeout=${timeoutMs}`],
      ...['spec', join(import.meta.dirname, 'slowest-files.js')].flatMap(reporter),
      ...its,
    ],
    {
      stdio: 'inherit',
      // A thousand processes load the same files: a fifth of the whole run's processor time went into compiling them.
      env: { NODE_COMPILE_CACHE: join(process.cwd(), 'node_modules', '.cache', 'compiled'), ...process.env },
    },
  )
  worst = Math.max(worst, status ?? 1)
}
process.exit(worst)
