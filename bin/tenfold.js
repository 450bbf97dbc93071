#!/usr/bin/env node
// Runs the command line on a Node that can: this one, or the one that npm installed beside us.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const isSource = existsSync(join(root, 'src', 'cli', 'main.ts'))
const main = isSource ? join(root, 'src', 'cli', 'main.ts') : join(root, 'dist', 'cli', 'main.js')
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
const isNewEnough = major > 24 || (major === 24 && minor >= 11)
// The sources need the export condition that maps the package's own name to them.
const hasCondition = !isSource || process.execArgv.some((argument) => argument.includes('source'))

if (isNewEnough && hasCondition) await import(pathToFileURL(main).href)
else {
  const node = isNewEnough ? process.execPath : ownNode()
  if (!node) {
    console.error(
      `tenfold needs Node 24.11 or newer, this is ${process.versions.node}: install it, or \`npm install node@26\` beside tenfold`,
    )
    process.exit(1)
  }
  const { status, signal } = spawnSync(node, [...(isSource ? ['-C', 'source'] : []), main, ...process.argv.slice(2)], {
    stdio: 'inherit',
  })
  process.exit(signal ? 1 : (status ?? 1))
}

function ownNode() {
  try {
    return join(dirname(createRequire(import.meta.url).resolve('node/package.json')), 'bin', 'node')
  } catch {
    return undefined
  }
}
