// Builds the pages into dist/dashboard/pages. Everything is a file of its own: the page must run under a strict
// Content-Security-Policy, so nothing is inlined, not even small images.

import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'

export default defineConfig({
  root: fileURLToPath(new URL('./pages/', import.meta.url)),
  base: './',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: fileURLToPath(new URL('../../dist/dashboard/pages/', import.meta.url)),
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: false,
    // The first versions that have light-dark() and animate the `d` of a path or simply jump.
    target: ['chrome125', 'edge125', 'firefox128', 'safari18'],
  },
})
