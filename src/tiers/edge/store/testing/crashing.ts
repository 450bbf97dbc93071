// A process that keeps and purges answers in a folder as fast as it can until it is killed, and says what it had purged.
//
//     node crashing.ts FOLDER FIRST PURGES
//
// prints `purged TAG VERSION`: no answer with that tag may be older than that from now on. After so many it kills itself, in the
// same turn of the event loop as the last purge.

import { writeSync } from 'node:fs'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { openStore } from '../store.ts'
import { keep } from './answers.ts'
import { answerOf, crashBounds, tagsCount } from './crash-answers.ts'
import { stream } from './streamed.ts'

const [, , directory, first, purges] = process.argv
const store = await openStore(crashBounds, { ...(directory === undefined ? {} : { directory }) })
let purgesLeft = Number(purges)
for (let version = Number(first); ; version++) {
  const { key, body, overrides } = answerOf(version)
  if (body.length > store.wholeBytesMax) await stream(store, key, body, overrides)
  else keep(store, key, body, overrides)
  if (version % 40 === 39) {
    const tag = `t${(version * 7) % tagsCount}`
    store.purge({ tag })
    // At once and by hand: a purge that somebody was told of counts.
    writeSync(1, `purged ${tag} ${version}\n`)
    if (--purgesLeft === 0) process.kill(process.pid, 'SIGKILL')
  }
  if (version % 4 === 0) await nextTurn()
}
