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
// Three at once: most of them start servers and wait, so that two left half of two cores idle.
const { status } = spawnSync(
  process.execPath,
  ['-C', 'source', '--test', '--test-concurrency=3', `--test-timeout=${timeoutMs}`, ...files],
  {
    stdio: 'inherit',
    // A thousand processes load the same files: a fifth of the whole run's processor time went into compiling them.
    env: { NODE_COMPILE_CACHE: join(process.cwd(), 'node_modules', '.cache', 'compiled'), ...process.env },
  },
)
process.exit(status ?? 1)
