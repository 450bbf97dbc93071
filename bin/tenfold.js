#!/usr/bin/env node
// Runs the command line on a Node that can: this one, or the one that npm installed beside us.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import module, { createRequire } from 'node:module'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const isSource = existsSync(join(root, 'src', 'cli', 'main.ts'))
const main = isSource ? join(root, 'src', 'cli', 'main.ts') : join(root, 'dist', 'cli', 'main.js')
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)

// Compiled code is kept for the next start, which is then four times as quick: ours, and by the environment that of
// every process that we start.
process.env['NODE_COMPILE_CACHE'] ??= join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'tenfold')

if (major > 24 || (major === 24 && minor >= 11)) {
  module.enableCompileCache(process.env['NODE_COMPILE_CACHE'])
  if (isSource) resolveToSources()
  await import(pathToFileURL(main).href)
} else {
  const node = ownNode()
  if (!node) {
    console.error(
      `tenfold needs Node 24.11 or newer, this is ${process.versions.node}: install it, or \`npm install node@26\` beside tenfold`,
    )
    process.exit(1)
  }
  const { status } = spawnSync(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit' })
  process.exit(status ?? 1)
}

/** As `node -C source` does: the package's own name means src/ and not dist/. */
function resolveToSources() {
  module.registerHooks({
    resolve: (specifier, context, next) =>
      next(specifier, { ...context, conditions: [...(context.conditions ?? []), 'source'] }),
  })
}

function ownNode() {
  try {
    return join(dirname(createRequire(import.meta.url).resolve('node/package.json')), 'bin', 'node')
  } catch {
    return undefined
  }
}
