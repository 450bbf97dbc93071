// A process that keeps and purges answers in a folder as fast as it can until it is killed, and says what it had purged.
//
//     node crashing.ts FOLDER FIRST PURGES
//
// prints `purged TAG VERSION`: no answer with that tag may be older than that from now on; and `marked TAG VERSION`: those that are
// older need validation. After so many of both it kills itself, in the same turn of the event loop as the last.

import { writeSync } from 'node:fs'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { openStore } from '../store.ts'
import { keep, keyTo } from './answers.ts'
import { answerOf, crashBounds, keysCount, tagsCount } from './crash-answers.ts'
import { stream } from './streamed.ts'

const [, , directory, first, purges] = process.argv
const store = await openStore(crashBounds, { ...(directory === undefined ? {} : { directory }) })
let purgesLeft = Number(purges)
for (let version = Number(first); ; version++) {
  const { key, body, overrides } = answerOf(version)
  if (body.length > store.wholeBytesMax) await stream(store, key, body, overrides)
  else keep(store, key, body, overrides)
  // As a 304 does, which writes a head over another one.
  const [other] = store.find(keyTo(`/${(version * 31) % keysCount}`))
  if (other) store.refresh(other, { ...other.head, fields: [['x', 'y'.repeat(version % 3000)]] })
  if (version % 20 === 19) {
    const tag = `t${Math.floor(version / 20) % tagsCount}`
    const soft = version % 40 === 19
    store.purge({ tag, soft })
    // At once and by hand: a purge that somebody was told of counts.
    writeSync(1, `${soft ? 'marked' : 'purged'} ${tag} ${version}\n`)
    if (--purgesLeft === 0) process.kill(process.pid, 'SIGKILL')
  }
  if (version % 4 === 0) await nextTurn()
}
